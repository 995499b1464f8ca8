"""Golden figures: whatever is renamed or moved, tiny runs end in the numbers recorded beside this.

`record.py` says how they were made, and when they may change.
"""

from importlib.util import find_spec
from typing import Any, ClassVar

import pandas as pd
import pytest
from golden.record import RUNS, TOLERANCE, Runs, recorded
from kits.envelopes import Delivery, Desk, EnvelopeEngine, connected

from flmrcm.engines.local_sites import LocalSites


class Envelopes(EnvelopeEngine):
    """Remote sites for a config, answered at a desk of this process."""

    data_is_local: ClassVar[bool] = True

    def __init__(self, clients: Any, store: Any, threads: int | None = None) -> None:
        connection = connected(Delivery(Desk(clients, store)))
        super().__init__(clients, store, federation="here", threads=threads, connection=connection)
        self.join = LocalSites(clients, store).join


RAY = ["engine=ray", "engine.actors=1", "engine.threads=1"]
RAY += ["engine._target_=kits.kept_actors.KeptActors"]
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray isn't installed")
ENGINES = [
    pytest.param(["engine=processes", "engine.workers=1"], id="processes"),
    pytest.param(RAY, id="ray", marks=needs_ray),
    pytest.param([f"engine._target_={__name__}.Envelopes"], id="envelopes"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("golden"))


def assert_as_recorded(found, expected, absolute=TOLERANCE):
    """Compare numbers within the tolerance, words exactly, and rows whatever their order."""
    keys = [name for name in expected if not pd.api.types.is_float_dtype(expected[name])]
    one, other = (
        table.sort_values(keys).reset_index(drop=True)[list(expected)]
        for table in (found, expected)
    )
    pd.testing.assert_frame_equal(one, other, check_dtype=False, rtol=TOLERANCE, atol=absolute)


def recorded_weights(name):
    return recorded("weights").query("run == @name")


@pytest.mark.parametrize("name", RUNS)
def test_two_rounds_end_in_the_recorded_weights(runs, name):
    assert_as_recorded(runs.weights(name), recorded_weights(name))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["fl_mrcm_latent", "scaffold"])
def test_they_do_whatever_carries_the_messages(runs, name, engine):
    assert_as_recorded(runs.weights(name, *engine), recorded_weights(name))


@pytest.mark.parametrize("engine", [pytest.param([], id="in_process"), *ENGINES])
def test_the_journal_holds_the_recorded_measurements(runs, engine):
    assert_as_recorded(runs.journal(*engine), recorded("journal"))


def test_an_evaluation_gives_the_recorded_scores(runs):
    assert_as_recorded(runs.scores(), recorded("scores"))


def test_a_comparison_shows_the_recorded_means(runs):
    found, expected = runs.comparison(), recorded("comparison")
    spreads = ["sd", "seed_sd", "sd_over_sites"]
    assert_as_recorded(found.drop(columns=spreads), expected.drop(columns=spreads))
    # differences of values near 20, each of which is recorded to 20 times the tolerance
    assert_as_recorded(found, expected, absolute=30 * TOLERANCE)
