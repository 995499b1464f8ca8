"""A job: the coordinator's own file of a run, and its outcome in one line."""

import json
import stat

import pytest

from flmrcm.errors import SiteFailed
from flmrcm.remote.requests import CoordinatorJob, read_outcome, run_job, write_job

JOB = CoordinatorJob({"rounds": 2, "sites": {"ixi": {"root": "at the site"}}}, "outputs/run", False)


@pytest.fixture
def coordinator(tmp_path):
    return tmp_path


@pytest.fixture
def done(coordinator):
    """Return a function that runs a job and notes its outcome."""

    def do(run):
        name = write_job(coordinator, JOB)
        try:
            run_job(coordinator, name, lambda: None, run)
        finally:
            do.outcome = read_outcome(coordinator, name)

    return do


def test_only_the_coordinator_reads_a_job_and_no_two_share_a_name(coordinator):
    names = {write_job(coordinator, JOB) for _ in range(3)}
    assert len(names) == 3
    assert stat.S_IMODE((coordinator / "jobs").stat().st_mode) == 0o700
    kept = json.loads((coordinator / "jobs" / f"{names.pop()}.json").read_text())
    assert CoordinatorJob(**kept) == JOB


def test_a_job_that_never_ended_has_no_outcome(coordinator):
    assert read_outcome(coordinator, write_job(coordinator, JOB)) is None


def test_the_run_gets_what_the_job_says(done):
    seen = []
    done(lambda cfg, folder, resumes, _: seen.append((cfg, str(folder), resumes)))
    assert seen == [(JOB.config, JOB.folder, JOB.resumes)]
    assert done.outcome == ""


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SiteFailed("site ixi, round 1: no reply."), "site ixi, round 1: no reply."),
        (OSError(28, "No space left"), "[Errno 28] No space left"),
        (KeyError("weights"), "KeyError: 'weights'"),
    ],
)
def test_a_failed_run_writes_its_outcome_and_raises(done, error, outcome):
    def run(*_):
        raise error

    with pytest.raises(type(error)):
        done(run)
    assert done.outcome == outcome
