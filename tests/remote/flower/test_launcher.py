"""A run that is handed over: its output is shown, and one line, whatever its end."""

import sys
import tomllib

import pytest

from flmrcm.errors import FlmrcmError
from flmrcm.remote.flower import launcher
from flmrcm.remote.flower.launcher import FlowerLauncher, _show_output
from flmrcm.remote.requests import CoordinatorJob, JobRequest, write_job

BEGUN = "\x1b[92mINFO \x1b[0m:      Successfully started run 42\n"
BOX = ["╭─ Error ───────╮\n", "│ No SuperLink  │\n", "│ answers.      │\n", "╰───────────────╯\n"]


def shown(capsys, *lines):
    numbers = []
    framed = _show_output(lines, numbers)
    return capsys.readouterr().out, numbers, framed


def test_flowers_own_output_is_left_out(capsys):
    own = ["Using SuperLink: hospitals (127.0.0.1:8000)\n", BEGUN]
    own += ["\x1b[93mWARNING \x1b[0m:   retrying\n", "Successfully installed app\n"]
    text, numbers, framed = shown(capsys, *own, "round 1 of 3  loss 2.1\n", "WARNING  ours\n")
    assert text == "round 1 of 3  loss 2.1\nWARNING  ours\n"
    assert (numbers, framed) == (["42"], "")


def test_flowers_traceback_is_left_out_to_its_end(capsys):
    text, _, _ = shown(capsys, "ours\n", "ServerApp raised an exception\n", "Traceback …\n", "x\n")
    assert text == "ours\n"


def test_flowers_framed_error_is_one_line_and_not_shown(capsys):
    assert shown(capsys, "ours\n", *BOX) == ("ours\n", [], "No SuperLink answers.")


def request(job, config="{}"):
    return JobRequest(job, config, frozenset({"ixi"}), 0.0)


@pytest.fixture
def flower(tmp_path, monkeypatch):
    """Return a function that writes a program in place of Flower's, and a job."""

    def write(*lines):
        program = tmp_path / "flwr.py"
        program.write_text(f"#!{sys.executable}\n" + "\n".join(lines))
        program.chmod(0o755)
        monkeypatch.setattr(launcher, "find_program", lambda _: str(program))
        return write_job(tmp_path, CoordinatorJob({}, "outputs/run", False))

    return write


def test_a_run_that_could_not_begin_reports_flowers_error(tmp_path, flower):
    job = flower(f"print({''.join(BOX)!r})", "raise SystemExit(1)")
    with pytest.raises(FlmrcmError, match=r"Flower couldn't begin the run: No SuperLink answers\."):
        FlowerLauncher(tmp_path).submit(request(job))


def test_a_run_that_could_not_begin_without_an_error_names_the_log(tmp_path, flower):
    job = flower("raise SystemExit(1)")
    with pytest.raises(FlmrcmError, match=r"couldn't begin the run: .*log\.txt"):
        FlowerLauncher(tmp_path).submit(request(job))


def test_job_and_travelling_config_are_handed_over_as_text(tmp_path, flower):
    copied = f"shutil.copyfile(sys.argv[-1], {str(tmp_path / 'given.toml')!r})"
    job = flower(f"print({BEGUN!r})", "import shutil, sys", copied)
    FlowerLauncher(tmp_path).submit(request(job, '{"mask": "4×"}'))
    given = tomllib.loads((tmp_path / "given.toml").read_text())
    assert given == {"job": job, "config": '{"mask": "4×"}'}
