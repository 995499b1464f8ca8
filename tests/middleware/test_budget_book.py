"""A site's budget over all its runs: added up, capped, and kept before a reply leaves."""

import pytest
from kits.laws import SEED

from flmrcm.errors import SiteRefuses
from flmrcm.federation.middleware import SiteSide
from flmrcm.federation.workload import CallWork
from flmrcm.files import is_locked
from flmrcm.middleware import budget_book
from flmrcm.middleware.budget_book import BudgetBook
from flmrcm.privacy.accountant import Spending, add_epsilon
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Memory, Reply

ROUND = Spending(0.5, 2.0, 10)
WORK = CallWork(16, 10, 1e-4, volumes=20, spending=ROUND, delta=1 / 200, secure=True)
ONE, TWO = (add_epsilon([ROUND] * n, WORK.delta) for n in (1, 2))


@pytest.fixture
def train(tmp_path):
    """Train once at a site, in a run, with a cap; a new process each time."""

    def train(run="first", largest=None, work=WORK, op="train"):
        book = BudgetBook(tmp_path / "policy.privacy.csv", largest)
        side = SiteSide("east", FedAvg(), SEED, tmp_path / run / "sites" / "east")
        half = book.build_site_half(side)
        half.check_work(op, work)
        half.after(op, 0, Reply("east", 16), Memory())
        return book

    return train


def test_rounds_of_all_runs_are_added_up(train):
    train("first")
    book = train("second")
    assert [(entry.run, entry.spending) for entry in book.read()] == [
        ("first", ROUND), ("second", ROUND),
    ]  # fmt: skip
    assert book.add_up(CallWork(volumes=20, delta=1 / 200)) == pytest.approx(TWO)


def test_training_that_would_go_beyond_the_cap_is_refused_and_not_counted(train):
    train(largest=TWO * 0.99)
    with pytest.raises(SiteRefuses, match=r"ε would be .* over all runs, .* \(largest_epsilon\)"):
        train("second", largest=TWO * 0.99)
    assert len(train("second", largest=TWO * 1.01).read()) == 2


def test_of_two_runs_that_train_at_once_the_later_reply_does_not_leave(tmp_path):
    book = BudgetBook(tmp_path / "policy.privacy.csv", TWO * 0.99)
    sides = (SiteSide("east", FedAvg(), SEED, tmp_path / run / "sites" / "east") for run in "ab")
    halves = [book.build_site_half(side) for side in sides]
    for half in halves:
        half.check_work("train", WORK)
    halves[0].after("train", 0, Reply("east", 16), Memory())
    with pytest.raises(SiteRefuses, match=r"ε would be .* over all runs"):
        halves[1].after("train", 0, Reply("east", 16), Memory())
    assert len(book.read()) == 1


def test_a_round_is_booked_while_no_other_run_books_one(train, monkeypatch):
    held = []
    monkeypatch.setattr(budget_book, "append_row", lambda path, *_: held.append(
        is_locked(path.with_name(f"{path.name}.lock"))))  # fmt: skip
    monkeypatch.setattr(budget_book, "flush_files", lambda _: None)
    train()
    assert held == [True]


@pytest.mark.parametrize("op", ["train", "finetune"])
def test_under_a_cap_nobody_trains_without_noise(train, op):
    plain = CallWork(16, 10, 1e-4)
    with pytest.raises(SiteRefuses, match="training without privacy=dp_volume has no ε, 8 is"):
        train(largest=8, work=plain, op=op)
    assert train(work=plain, op=op).read() == []


def test_under_a_cap_noise_has_to_be_a_secret(train):
    with pytest.raises(SiteRefuses, match="seeded noise has no ε towards the run's owner"):
        train(largest=TWO, work=WORK._replace(secure=False))
    assert len(train(work=WORK._replace(secure=False)).read()) == 1


def test_a_large_delta_makes_nothing_small(train):
    # at δ = 0.9 nearly any ε is 0
    with pytest.raises(SiteRefuses, match="largest_epsilon"):
        train(largest=ONE * 0.99, work=WORK._replace(delta=0.9))
    train(largest=ONE * 1.01, work=WORK._replace(delta=0.9))


def test_validation_and_tests_cost_nothing(train):
    for op in ("validate", "test", "survey"):
        assert train(largest=1e-9, op=op).read() == []
