"""Ray starts for this machine alone, and leaves this process as it was."""

import os
from types import SimpleNamespace

import pytest
from kits.engines import needs_ray

from flmrcm.engines import ray_start


@pytest.fixture
def settings(monkeypatch):
    """Return the environment and arguments with which a Ray is started that starts nothing."""
    seen = {}
    stand_in = SimpleNamespace(
        is_initialized=lambda: False, init=lambda **options: seen.update(os.environ, **options)
    )
    monkeypatch.setattr(ray_start, "import_module", lambda _: stand_in)
    return seen


def test_ray_is_set_to_report_nothing_and_to_contact_nobody(settings):
    ray_start.start_ray()
    assert settings["RAY_USAGE_STATS_ENABLED"] == "0"
    assert settings["include_dashboard"] is False
    assert settings["http_proxy"] == "http://127.0.0.1:9"


def test_this_process_keeps_its_environment(settings, monkeypatch):
    monkeypatch.setenv("no_proxy", "intranet")
    before = dict(os.environ)
    ray_start.start_ray()
    assert dict(os.environ) == before


@needs_ray
def test_ray_listens_on_loopback_only():
    assert ray_start.start_ray().util.get_node_ip_address() == "127.0.0.1"
