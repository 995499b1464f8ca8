"""The environment of a user; the package's own tests run in it, see test_package.py."""

import pytest
from kits.environment import Environment

collect_ignore = ["package"]


@pytest.fixture(scope="session")
def environment(tmp_path_factory, simulated_cache) -> Environment:
    """An environment with wheels of flmrcm and of mymri, built once."""
    return Environment(tmp_path_factory.mktemp("environment"), simulated_cache)
