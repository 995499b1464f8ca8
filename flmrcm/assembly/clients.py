"""From checked parts to the sites' clients."""

from pathlib import Path

from flmrcm.assembly.parts import Parts
from flmrcm.federation.border import Border
from flmrcm.federation.budget import Share, shares
from flmrcm.federation.client import Client, Workshop
from flmrcm.federation.engine import Watch
from flmrcm.federation.ledger import LEDGER, Ledger
from flmrcm.federation.wire import Wire
from flmrcm.learning.judge import Judge


def build_clients(parts: Parts, folder: Path, watch: Watch) -> dict[str, Client]:
    """Gives a client for each site that may be called.

    Args:
        parts: checked.
        folder: the run's; each site's own book lies there.
        watch: told how calls get on.
    """
    compute = parts.compute
    compute.ready(parts.module.model)
    shop = Workshop(
        parts.module,
        parts.strategy,
        parts.local,
        compute.fabric(),
        Judge(compute),
        parts.plan.seed,
        watch,
        Wire(parts.config["engine"].get("wire", "fp32")),
    )
    shown = parts.strategy.target if parts.strategy.needs_target_images else None
    target = parts.sites[shown] if shown else None
    work = _shares(parts)
    return {
        name: Client(site, shop, target, work.get(name), _border(name, parts, folder))
        for name, site in parts.clients.items()
    }


def _border(site: str, parts: Parts, folder: Path) -> Border:
    return Border(site, parts.policies.get(site), Ledger(folder / "sites" / site / LEDGER))


def _shares(parts: Parts) -> dict[str, Share]:
    steps = parts.config["budget"] == "steps"
    counted = {name for name, site in parts.clients.items() if steps and site.has("train")}
    batches = {name: parts.clients[name].n_batches for name in sorted(counted)}
    epochs, participants = parts.local.epochs, parts.plan.participants
    return shares(parts.config["budget"], epochs, batches, participants)
