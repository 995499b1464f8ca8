"""`flmrcm up`: a try-out of a federation, all of it on this machine's loopback."""

from flmrcm.commands.deploy import build_deployment
from flmrcm.logs import say

DEFAULT_OUTPUT = "deployment"


def main(words: list[str]) -> None:
    """Deploys what isn't yet, and starts everything."""
    folder, deployment = build_deployment(words, DEFAULT_OUTPUT)
    from flmrcm.remote.provision.try_out import (
        start_federation,  # only here: it needs [flower] or [nvflare]
    )

    folder = folder.resolve()
    if not (folder / "coordinator").is_dir():
        deployment.write(folder)
    say(f"starting the coordinator and its sites below {folder} …")
    sites = start_federation(folder)
    say(f"up: {', '.join(sites)}")
    place = folder / "coordinator"
    say(f"next: flmrcm train engine={words[0]} engine.federation={place} …")
