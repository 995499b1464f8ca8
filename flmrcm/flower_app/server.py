"""At the coordinator: a run of the installed package, with Flower's grid as its way to sites."""

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from flmrcm.runs.job import do_job

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Does the job that the run's config names."""
    do_job(str(context.run_config["job"]), grid)
