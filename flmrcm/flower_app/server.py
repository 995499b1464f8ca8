"""At the coordinator: a run of the installed package, with Flower's grid as its way to sites."""

import os
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from flmrcm.deployment.places import COORDINATOR
from flmrcm.deployment.register import sites_by_number
from flmrcm.engines.flower_calls import FlowerGrid
from flmrcm.runs.job import do_job

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Does the job that the run's config names."""
    folder = Path(os.environ[COORDINATOR])

    def connected() -> FlowerGrid:
        return FlowerGrid(grid, {site: n for n, site in sites_by_number(folder).items()})

    do_job(folder, str(context.run_config["job"]), connected)
