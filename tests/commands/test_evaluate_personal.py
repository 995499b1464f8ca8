"""`flmrcm evaluate` where sites have weights of their own: each is tested with what it uses."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from flmrcm.app import main
from flmrcm.learning.processor import describe_processor
from flmrcm.learning.records import SCORE_COLUMNS

pytestmark = pytest.mark.usefixtures("hospitals")

HERE = ["sites=bfhi", "data_dir=data", "engine.threads=1", "compute=cpu"]
MODEL = ["model.channels=2", "model.pools=2"]


def scores(folder):
    return pd.read_csv(Path(folder) / "scores.csv")


PERSONAL = {
    "fedper": ["its private weights over the shared ones", "the shared weights, completed"],
    "fedbn": ["its private weights over the shared ones", "the shared weights, completed"],
    "ditto": ["its personal weights", "the global weights: it has no personal ones"],
    "finetune": ["its personal weights", "the global weights: it has no personal ones"],
}


@pytest.fixture
def personal(request, capsys):
    """Train where sites have weights of their own; return the run and what was printed of it."""
    words = [f"strategy={request.param}", "rounds=1", "logger=csv", "participants=BF"]
    norms = ["model.norm=batch"] if request.param == "fedbn" else []
    main(["train", *HERE, *MODEL, *words, *norms, "target=null"])
    printed = " ".join(capsys.readouterr().out.split())
    for sites, said in zip(("brats, fastmri", "hpks, ixi"), PERSONAL[request.param], strict=True):
        assert f"{sites}: tested with {said}" in printed
    (run,) = Path("outputs/train").iterdir()
    return run, request.param


@pytest.mark.parametrize("personal", PERSONAL, indirect=True)
def test_every_site_is_tested_with_what_it_uses_as_at_the_end_of_the_run(personal, capsys):
    run, name = personal
    kinds = scores(run).query("method != 'zero-filled'").groupby("site")["weights"].unique()
    assert {site: list(kind) for site, kind in kinds.items()} == {
        "brats": ["personal"], "fastmri": ["personal"], "hpks": ["global"], "ixi": ["global"],
    }  # fmt: skip
    # the order of sites must not matter: what one left in the network isn't tested at the next
    main(["evaluate", f"checkpoint={run}/checkpoints/last.pt", "output=again"])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"brats, fastmri: tested with {PERSONAL[name][0]}" in printed
    both = (scores(f).sort_values([*SCORE_COLUMNS]).reset_index(drop=True) for f in (run, "again"))
    pd.testing.assert_frame_equal(*both)
    own, again = (json.loads((Path(f) / "environment.json").read_text()) for f in (run, "again"))
    assert own["device"] == again["device"] == describe_processor()
    assert own.get("personal_training") == again.get("personal_training")
    assert ("personal_training" in own) == (name not in ("fedper", "fedbn"))


@pytest.mark.parametrize("personal", ["fedper", "ditto"], indirect=True)
def test_the_weights_that_all_share_can_be_asked_for(personal, capsys):
    run, name = personal
    words = [f"checkpoint={run}/checkpoints/last.pt", "weights=global", "output=again"]
    main(["evaluate", *words])
    printed = " ".join("".join(capsys.readouterr()).split())
    assert f"brats, fastmri, hpks, ixi: tested with {PERSONAL[name][1]}" in printed
    assert set(scores("again")["weights"]) == {"global", "none"}
    own, again = (scores(f).set_index("site") for f in (run, "again"))
    assert [own.loc[s].equals(again.loc[s]) for s in ("ixi", "brats")] == [True, False]


@pytest.mark.parametrize("personal", ["finetune"], indirect=True)
def test_without_a_sites_own_weights_nothing_is_tested_in_their_place(personal, said):
    run, _ = personal
    shutil.copy(run / "checkpoints" / "last.pt", "alone.pt")
    code, line = said("evaluate", "checkpoint=alone.pt", "output=again")
    assert code == 1
    assert "site=brats" in line
    assert "weights=global tests every site with the weights that all share" in line
    assert not Path("again").exists()
    main(["evaluate", "checkpoint=alone.pt", "test_sites=[ixi]", "output=unseen"])
    assert set(scores("unseen")["weights"]) == {"global", "none"}
