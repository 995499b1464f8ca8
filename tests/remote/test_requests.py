"""A job: the coordinator's own file of a run, and how it ended, in one line."""

import json
import stat

import pytest

from flmrcm.errors import SiteFailed
from flmrcm.remote.requests import CoordinatorJob, read_outcome, run_job, write_job

ASKED = CoordinatorJob(
    {"rounds": 2, "sites": {"ixi": {"root": "at the site"}}}, "outputs/run", False
)


@pytest.fixture
def coordinator(tmp_path):
    return tmp_path


@pytest.fixture
def done(coordinator):
    """Does a job whose run does something; gives how it's told."""

    def do(run):
        name = write_job(coordinator, ASKED)
        try:
            run_job(coordinator, name, lambda: None, run)
        finally:
            do.told = read_outcome(coordinator, name)

    return do


def test_a_job_is_the_coordinators_alone_and_no_two_share_a_name(coordinator):
    names = {write_job(coordinator, ASKED) for _ in range(3)}
    assert len(names) == 3
    assert stat.S_IMODE((coordinator / "jobs").stat().st_mode) == 0o700
    kept = json.loads((coordinator / "jobs" / f"{names.pop()}.json").read_text())
    assert CoordinatorJob(**kept) == ASKED


def test_a_job_that_never_ended_has_no_outcome(coordinator):
    assert read_outcome(coordinator, write_job(coordinator, ASKED)) is None


def test_the_run_gets_what_was_asked(done):
    seen = []
    done(lambda cfg, folder, resumes, _: seen.append((cfg, str(folder), resumes)))
    assert seen == [(ASKED.config, ASKED.folder, ASKED.resumes)]
    assert done.told == ""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SiteFailed("site ixi, round 1: no reply."), "site ixi, round 1: no reply."),
        (OSError(28, "No space left"), "[Errno 28] No space left"),
        (KeyError("weights"), "KeyError: 'weights'"),
    ],
)
def test_how_a_run_fails_is_told_and_flower_hears_of_it_too(done, error, told):
    def run(*_):
        raise error

    with pytest.raises(type(error)):
        done(run)
    assert done.told == told
