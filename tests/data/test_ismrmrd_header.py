"""The numbers of an ISMRMRD header, and clear lines about missing ones."""

import pytest
from kits.raw_files import header

from flmrcm.data.ismrmrd_header import find_recon_matrix, parse_header


@pytest.mark.parametrize("kind", [str, str.encode])
def test_sizes_come_from_the_fields_of_view(kind) -> None:
    numbers = parse_header(kind(header(shown=165)))
    assert numbers.encoded_mm == (440, 220)
    assert numbers.recon_mm == (220, 165)
    assert numbers.slice_mm == 5


def test_the_final_image_has_rows_along_the_readout() -> None:
    xml = header().replace("<x>32</x><y>32</y>", "<x>320</x><y>264</y>")
    assert find_recon_matrix(xml) == (320, 264)
    assert find_recon_matrix(xml.replace("<x>320</x>", "")) is None
    assert find_recon_matrix(xml.replace("<y>264</y>", "<y>0</y>")) is None
    with pytest.raises(ValueError, match="no XML"):
        find_recon_matrix("<no")


def test_nothing_but_numbers_is_read() -> None:
    assert "XYZZY" not in repr(parse_header(header(name="XYZZY")))
    assert "XYZZY" not in repr(parse_header(header().replace("<TE>9.8", "<TE>XYZZY")))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("<x>220</x>", "", "no reconSpace fieldOfView_mm above 0"),
        ("<x>440</x>", "<x>0</x>", "no encodedSpace fieldOfView_mm above 0"),
        ("</ismrmrdHeader>", "", "no XML"),
    ],
)
def test_the_missing_part_is_named(old: str, new: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_header(header().replace(old, new))
