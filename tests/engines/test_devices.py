"""GPUs are shared out evenly, and never promised twice."""

import pytest

from flmrcm.engines.devices import share_gpus
from flmrcm.errors import ConfigErrors


@pytest.mark.parametrize(
    ("processes", "gpus", "share"),
    [(2, 0, 0), (2, 1, 0.5), (3, 2, 0.5), (2, 2, 1), (2, 5, 2), (1, 8, 8)],
)
def test_what_is_not_said_is_shared_out_evenly_and_fits(processes, gpus, share):
    assert share_gpus(None, processes, gpus) == share
    assert share_gpus(share, processes, gpus) == share


@pytest.mark.parametrize(
    ("asked", "processes", "gpus"), [(0.5, 1, 0), (0.5, 3, 1), (0.4, 3, 1), (1, 2, 1), (2, 2, 3)]
)
def test_more_than_there_is_is_refused(asked, processes, gpus):
    with pytest.raises(ConfigErrors, match=f"{processes} actors with {asked} each don't fit"):
        share_gpus(asked, processes, gpus)


@pytest.mark.parametrize("asked", [-1, -0.5, 1.5])
def test_parts_of_several_gpus_are_refused(asked):
    with pytest.raises(ConfigErrors, match="a share below 1, or whole GPUs"):
        share_gpus(asked, 1, 4)


def test_none_is_a_share_too():
    assert share_gpus(0, 99, 1) == 0
