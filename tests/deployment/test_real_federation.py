"""Real processes on loopback: TLS, keys, four sites, and the weights of one process."""

import pytest

pytest.importorskip("flwr", reason="see `make test-deployment`")

from houses_kit import ended_here
from laws_kit import equal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", params=["federation", "nvflare_federation"])
def either(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", ["fl_mr", "fl_mrcm_latent", "scaffold"])
def test_three_rounds_end_bit_for_bit_where_in_process_ends(either, tmp_path, name):
    run = either.train(f"strategy={name}")
    assert run.ends()[0] == 0
    here = ended_here(tmp_path / "here", either.place / "data", f"strategy={name}")
    assert equal(run.last().weights, here.weights)
    ours, theirs = either.books_of(run.folder)
    assert ours == theirs
    assert len(ours) > 100
    assert (either.place / "asked").read_text() == ""
