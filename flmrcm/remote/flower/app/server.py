"""At the coordinator: a run of the installed package, over Flower's connection to the sites."""

import os
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from flmrcm.remote.flower.connection import FlowerTransport
from flmrcm.remote.flower.node_registry import read_registry
from flmrcm.remote.layout import COORDINATOR
from flmrcm.remote.requests import run_job
from flmrcm.runs.training import train_at_coordinator

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the job that the run's config names."""
    folder = Path(os.environ[COORDINATOR])

    def open_transport() -> FlowerTransport:
        return FlowerTransport(grid, {site: n for n, site in read_registry(folder).items()})

    run_job(folder, str(context.run_config["job"]), open_transport, train_at_coordinator)
