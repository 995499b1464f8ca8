"""From a checked setup to the sites' clients."""

from pathlib import Path

from flmrcm.config.middleware import build_site_chain
from flmrcm.config.setup import Setup
from flmrcm.federation.client import Client
from flmrcm.federation.client_runtime import ClientRuntime
from flmrcm.federation.engine import OnProgress
from flmrcm.learning.scoring import Evaluator

RECONSTRUCTIONS = "reconstructions"


def build_clients(setup: Setup, folder: Path, on_progress: OnProgress) -> dict[str, Client]:
    """Return a client for each site that may be called.

    Args:
        setup: checked.
        folder: the run's; what each site notes and keeps lies below it.
        on_progress: called with what a site is doing.
    """
    compute, model, strategy = setup.compute, setup.module.model, setup.strategy
    compute.prepare_model(model)
    runtime = ClientRuntime(
        setup.module,
        strategy,
        setup.local,
        compute.build_fabric(),
        Evaluator(compute),
        setup.plan.seed,
        on_progress,
        initial={k: v.clone() for k, v in model.state_dict().items() if not strategy.is_shared(k)},
        saved_volumes=setup.config["test"].get("saved_volumes", 0),
        rounds=setup.plan.rounds,
    )
    target = setup.sites[strategy.target or ""] if strategy.needs_target_images else None
    return {
        name: Client(
            site,
            runtime,
            target,
            build_site_chain(setup, name, folder),
            folder / RECONSTRUCTIONS / name,
            setup.losses.get(name),
        )
        for name, site in setup.clients.items()
    }
