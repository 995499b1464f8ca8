"""`flmrcm up`: a try-out of a federation, all of it on this machine's loopback."""

from rich.console import Console

from flmrcm.commands.deploy import build_deployment

DEFAULT_OUTPUT = "deployment"

HELP = """usage: flmrcm up flower|nvflare [output=FOLDER] [KEY=VALUE | GROUP=NAME ...]

Deploys into FOLDER (deployment), unless that was done before, and starts the coordinator and every
site on this machine, each as processes of its own. `flmrcm down FOLDER` ends them.

  flmrcm up flower sites=simulated
  flmrcm train engine=flower engine.federation=deployment/coordinator strategy=fl_mrcm_latent
  flmrcm down

Takes the keys of `flmrcm deploy`.
"""


def main(words: list[str]) -> None:
    """Deploys what isn't yet, and starts everything."""
    folder, deployment = build_deployment(words, DEFAULT_OUTPUT)
    from flmrcm.remote.provision.try_out import (
        start_federation,  # only here: it needs [flower] or [nvflare]
    )

    folder = folder.resolve()
    if not (folder / "coordinator").is_dir():
        deployment.write(folder)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"starting the coordinator and its sites below {folder} …")
    sites = start_federation(folder)
    console.print(f"up: {', '.join(sites)}")
    place = folder / "coordinator"
    console.print(f"next: flmrcm train engine={words[0]} engine.federation={place} …")
