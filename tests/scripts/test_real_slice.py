"""The figure of a real slice can be drawn of any slice; the numbers of its sides are measured."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from kits.factories import scanned

from flmrcm.data.coil_maps import Adaptive
from flmrcm.errors import ConfigErrors, DataLayoutError
from flmrcm.models.cascade import Cascade

pytest.importorskip("sigpy")
SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "cache"))
    return import_module("real_slice")


@pytest.fixture
def slice_file(tmp_path) -> Path:
    kspace, _ = scanned(1, (48, 40), coils=4)
    scipy.io.savemat(tmp_path / "slice.mat", {"full_kspace_data": np.moveaxis(kspace[0], 0, -1)})
    return tmp_path / "slice.mat"


def test_it_is_drawn_with_its_numbers(script, slice_file, tmp_path, capsys):
    path = tmp_path / "figures" / "slice.png"
    script.main([str(slice_file), "accelerations=2", f"output={path}"])
    assert path.exists()
    printed = capsys.readouterr().out
    for method in ("zero-filled", *script.MAPS):
        assert f"2x along columns  {method}: " in printed
    assert printed.count(" dB, SSIM ") == 3


def test_each_method_s_image_is_compared_with_the_same_target(script, slice_file, tmp_path):
    script.write_slice(slice_file, tmp_path / "site")
    networks = {"mine": script.Network(Cascade(1, 2, 4).eval(), Adaptive())}
    row = script.reconstruct(tmp_path / "site", 2, networks)
    assert list(row.images) == ["zero-filled", *script.MAPS, "mine"]
    assert {image.shape for image in row.images.values()} == {row.target.shape} == {(48, 40)}
    assert np.allclose(row.target, scanned(1, (48, 40), coils=4)[1][0], atol=1e-5)
    peak = row.target.max()
    for name, image in row.images.items():
        error = np.sqrt(np.mean((image - row.target) ** 2))
        assert row.notes[name].startswith(f"{20 * np.log10(peak / error):.1f} dB, SSIM ")


def test_wrong_words_are_one_line(script, tmp_path):
    for words in ([], ["slice.mat", "acceleration=4"]):
        with pytest.raises(ConfigErrors, match=r"python scripts/real_slice\.py"):
            script.main(words)
    with pytest.raises(DataLayoutError, match="holds no 'full_kspace_data'"):
        script.main([str(tmp_path / "none.mat")])
