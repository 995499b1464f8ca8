"""From checked parts to the sites' clients."""

from collections.abc import Mapping
from pathlib import Path

from flmrcm.config.setup import Setup
from flmrcm.federation.client import Client, ClientRuntime
from flmrcm.federation.engine import OnProgress
from flmrcm.federation.ledger import LEDGER, Ledger
from flmrcm.federation.policy import PolicyGate
from flmrcm.federation.wire import Wire
from flmrcm.federation.workload import Workload, divide_workload
from flmrcm.learning.scoring import Evaluator


def build_clients(parts: Setup, folder: Path, watch: OnProgress) -> dict[str, Client]:
    """Gives a client for each site that may be called.

    Args:
        parts: checked.
        folder: the run's; each site's own book lies there.
        watch: told how calls get on.
    """
    compute = parts.compute
    compute.prepare_model(parts.module.model)
    shop = ClientRuntime(
        parts.module,
        parts.strategy,
        parts.local,
        compute.build_fabric(),
        Evaluator(compute),
        parts.plan.seed,
        watch,
        Wire(parts.config["engine"].get("wire", "fp32")),
    )
    shown = parts.strategy.target if parts.strategy.needs_target_images else None
    target = parts.sites[shown] if shown else None
    work = _divide_known_work(parts)
    return {
        name: Client(site, shop, target, work.get(name), _build_gate(name, parts, folder))
        for name, site in parts.clients.items()
    }


def _build_gate(site: str, parts: Setup, folder: Path) -> PolicyGate:
    return PolicyGate(site, parts.policies.get(site), Ledger(folder / "sites" / site / LEDGER))


def _divide_known_work(parts: Setup) -> dict[str, Workload]:
    steps = parts.config["budget"] == "steps"
    counted = {name for name, site in parts.clients.items() if steps and site.has("train")}
    return divide_work(parts, {name: parts.clients[name].n_batches for name in sorted(counted)})


def divide_work(parts: Setup, batches: Mapping[str, int]) -> dict[str, Workload]:
    """Gives what each participant trains in a round.

    Args:
        parts: checked.
        batches: in one pass, of every site with training data.
    """
    epochs, participants = parts.local.epochs, parts.plan.participants
    return divide_workload(parts.config["budget"], epochs, batches, participants)
