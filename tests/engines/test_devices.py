"""GPUs are shared out evenly, and never promised twice."""

import pytest

from flmrcm.engines.devices import share_gpus
from flmrcm.errors import ConfigErrors


@pytest.mark.parametrize(
    ("processes", "gpus", "share"),
    [(2, 0, 0), (2, 1, 0.5), (3, 2, 0.5), (2, 2, 1), (2, 5, 2), (1, 8, 8)],
)
def test_by_default_gpus_are_divided_evenly_and_fit(processes, gpus, share):
    assert share_gpus(None, processes, gpus) == share
    assert share_gpus(share, processes, gpus) == share


@pytest.mark.parametrize(
    ("wanted", "processes", "gpus"), [(0.5, 1, 0), (0.5, 3, 1), (0.4, 3, 1), (1, 2, 1), (2, 2, 3)]
)
def test_more_gpus_than_there_are_are_refused(wanted, processes, gpus):
    with pytest.raises(ConfigErrors, match=f"{processes} actors with {wanted} each don't fit"):
        share_gpus(wanted, processes, gpus)


@pytest.mark.parametrize("wanted", [-1, -0.5, 1.5])
def test_parts_of_several_gpus_are_refused(wanted):
    with pytest.raises(ConfigErrors, match="a share below 1, or whole GPUs"):
        share_gpus(wanted, 1, 4)


def test_no_gpu_is_a_valid_share():
    assert share_gpus(0, 99, 1) == 0
