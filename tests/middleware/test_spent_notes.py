"""What left a site is spent, whether its reply counts or not, however often a run is resumed."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kits.faulty_engine import garbage, run_with

from flmrcm.errors import DataLayoutError, SiteRefuses
from flmrcm.federation.middleware import SiteSide
from flmrcm.federation.participation import Tolerance
from flmrcm.federation.private_round import group_slices
from flmrcm.middleware.dp_volume import EPSILON, SPENT, DPVolume
from flmrcm.middleware.spent_notes import PRIVACY, SpentNotes, write_spending
from flmrcm.privacy.accountant import Spending, add_epsilon
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Memory

ROUND = Spending(0.5, 2.0, 3)


@dataclass(frozen=True)
class Noting(DPVolume):
    """As in a run: sites have a folder for their notes."""

    notes: Path = Path()

    def build_site_half(self, side: SiteSide):
        return super().build_site_half(replace(side, folder=self.notes / side.site))


def noting(folder, **changes):
    rule = {"noise": 2.0, "target_epsilon": None, "volumes_per_step": 1, "notes": folder} | changes
    return {PRIVACY: Noting(**rule)}


def count_rounds(here, site, round_):
    """Return of how many rounds the ε is that a site's reply told in a round."""
    rows = here.federation(FedAvg()).journal.read()
    told = {
        r.metric: r.value for r in rows if (r.site, r.round, r.split) == (site, round_, "train")
    }
    n = len(group_slices(here.sites[site]))
    known = {
        rounds: add_epsilon([Spending(1 / n, 2.0, rounds * int(told["steps"]))], told["delta"])
        for rounds in range(1, 9)
    }
    return next(k for k, epsilon in known.items() if epsilon == pytest.approx(told[EPSILON]))


def test_a_site_does_not_forget_with_its_memory_what_it_has_spent(tmp_path):
    notes = SpentNotes(tmp_path / "east" / SPENT, repeats=False)
    kept = Memory({PRIVACY: write_spending([ROUND])})
    assert notes.read(1, kept) == [ROUND]  # of a run from before there were notes
    notes.add(1, [ROUND, ROUND])
    for memory in (kept, Memory()):
        assert notes.read(0, memory) == [ROUND._replace(steps=6)]
    assert SpentNotes(None, repeats=False).read(1, kept) == [ROUND]


def test_the_rounds_before_are_those_that_count_where_noise_repeats(tmp_path):
    notes = SpentNotes(tmp_path / SPENT, repeats=True)
    for round_ in (0, 1, 2, 1, 2):
        notes.add(round_, [ROUND] * (round_ + 1))
    assert notes.read(0, Memory()) == []
    assert [notes.read(r, Memory())[0].steps for r in (1, 2, 3)] == [3, 6, 9]


def test_a_damaged_line_is_named(tmp_path):
    notes = SpentNotes(tmp_path / SPENT, repeats=True)
    notes.add(0, [ROUND])
    notes.path.write_text(notes.path.read_text() + "1,half\n")
    with pytest.raises(DataLayoutError, match="line 3"):
        notes.read(1, Memory())


def test_a_round_counts_whose_reply_was_refused(setting, tmp_path):
    here = setting(rounds=3, members=noting(tmp_path), plan={"tolerance": Tolerance(quorum=2)})
    run_with(here, FedAvg(), {("north", "train", 1): garbage})
    assert [count_rounds(here, site, 2) for site in ("east", "north")] == [3, 3]


@pytest.mark.parametrize(("secure", "rounds"), [(False, 2), (True, 3)])
def test_a_round_that_is_trained_again_counts_twice_unless_its_noise_is_the_same(
    setting, tmp_path, secure, rounds
):
    here = setting(rounds=2, members=noting(tmp_path, secure_randomness=secure))
    here.run(FedAvg())
    assert count_rounds(here, "east", 1) == 2
    (here.folder / "checkpoints" / "round_0001.pt").unlink()
    here.run(FedAvg())
    assert count_rounds(here, "east", 1) == rounds


def test_a_site_that_has_spent_all_says_how_the_run_can_end(setting, tmp_path):
    here = setting(rounds=1, members=noting(tmp_path, target_epsilon=0.01))
    half = here.members[PRIVACY].build_site_half(SiteSide("east", FedAvg()))
    with pytest.raises(SiteRefuses, match=r"end the run before it: resume=… rounds=7\."):
        half._count([], ROUND, 1e-5, 7)
