"""At the coordinator: a run of the installed package, over NVFlare's connection to the sites."""

import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from nvflare.collab import collab

from flmrcm.remote.layout import COORDINATOR
from flmrcm.remote.nvflare.connection import NVFlareTransport
from flmrcm.remote.requests import OUTPUT, job_file, run_job
from flmrcm.runs.training import train_at_coordinator


class ServerEndpoint:
    """Runs one job; its output goes to a file beside the job, for the process that started it.

    Args:
        job: its name.
    """

    def __init__(self, job: str) -> None:
        self._job = job

    @collab.main
    def run(self) -> None:
        """Run the job."""
        folder = Path(os.environ[COORDINATOR])
        clients = {client.name: client for client in collab.clients}
        output = job_file(folder, self._job, OUTPUT)
        # line by line: the other process shows it while the run goes on
        with output.open("w", buffering=1) as out, redirect_stdout(out), redirect_stderr(out):
            run_job(folder, self._job, lambda: NVFlareTransport(clients), train_at_coordinator)
