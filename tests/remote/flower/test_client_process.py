"""A site's process for one message: the installed package answers, the bundle is left unread."""

import os
import stat
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

from flwr.supernode.runtime import run_clientapp

from flmrcm.remote.flower.app.client_process import replace_loading
from flmrcm.remote.flower.command_line import write_client_program


def test_flower_loads_the_given_app_whatever_was_sent(monkeypatch, tmp_path):
    for name in ("install_from_fab", "get_load_client_app_fn", "get_project_dir"):
        monkeypatch.setattr(run_clientapp, name, getattr(run_clientapp, name))
    app = object()
    replace_loading(run_clientapp, app)
    run_clientapp.install_from_fab(b"no bundle at all", skip_prompt=True)
    load = run_clientapp.get_load_client_app_fn(default_app_ref="", app_path=None, multi_app=True)
    assert load("foreign/app", "1.0.0", "0" * 64) is app
    assert run_clientapp.get_project_dir("foreign/app", "1.0.0", "0" * 64).parts == ()


def test_a_flower_that_loads_apps_in_another_way_answers_nothing():
    with pytest.raises(AttributeError):
        replace_loading(SimpleNamespace(install_from_fab=None), object())


def test_the_sites_program_has_the_name_of_flowers(tmp_path):
    programs = write_client_program(tmp_path)
    program = programs / "flwr-clientapp"
    assert stat.S_IMODE(program.stat().st_mode) == 0o755
    assert sys.executable in program.read_text()
    assert "flmrcm.remote.flower.app.client_process" in program.read_text()
    assert os.access(program, os.X_OK)
