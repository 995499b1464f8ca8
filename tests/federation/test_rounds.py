"""A plan: which rounds end with validation, and who is drawn."""

import pytest

from flmrcm.federation.rounds import TrainingPlan

SITES = ("east", "north", "south", "west")


def draw(seed, rounds=20):
    plan = TrainingPlan(rounds, SITES, SITES, participation=0.5, seed=seed)
    return [plan.draw_participants(round_) for round_ in range(rounds)]


@pytest.mark.parametrize(
    ("rounds", "every", "validated"), [(5, 1, [0, 1, 2, 3, 4]), (5, 2, [1, 3, 4]), (4, 9, [3])]
)
def test_every_so_many_rounds_and_the_last_are_validated(rounds, every, validated):
    plan = TrainingPlan(rounds, SITES, SITES, validate_every=every)
    assert [round_ for round_ in range(rounds) if plan.validates(round_)] == validated


def test_a_draw_follows_seed_and_round():
    assert draw(1) == draw(1) != draw(2)
    assert len(set(map(tuple, draw(1)))) > 3
