"""Before the first round: who of the sites is there, and do their data fit?"""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flmrcm.config.build import Builder
from flmrcm.config.check import check_facts
from flmrcm.config.clients import divide_work
from flmrcm.config.setup import Setup
from flmrcm.config.travelling import select_travelling_config
from flmrcm.errors import SiteFailed
from flmrcm.federation.clients import Clients
from flmrcm.federation.ledger import CONFIG, FACTS, FROM_SITE, TO_SITE, Ledger, list_values
from flmrcm.federation.memory import MemoryStore
from flmrcm.federation.site_facts import SiteFacts

log = logging.getLogger(__name__)


def join_sites(parts: Setup, reach: Any, ledger: Ledger) -> tuple[Any, dict[str, SiteFacts]]:
    """Gives the engine, told each site's share of the work, and the facts of those that joined.

    Args:
        parts: checked.
        reach: the way to the sites, as the engine takes it.
        ledger: the coordinator's book.

    Raises:
        SiteFailed: a site that's needed didn't join; every reason is told.
        ConfigErrors: the model doesn't fit the data.
    """
    found = Builder()
    node, names = parts.config["engine"], Clients(dict.fromkeys(parts.sites), dict)  # pyright: ignore[reportArgumentType]
    engine = found.build("engine", node, clients=names, store=MemoryStore(), reach=reach)
    found.raise_if_any()
    facts, reasons = engine.join({name: parts.list_needed_splits(name) for name in parts.sites})
    _record_joining(parts, facts, ledger)
    _require_sites(parts, facts, reasons)
    check_facts(parts, facts)
    batches = {name: fact.n_batches for name, fact in facts.items() if fact.has("train")}
    engine.workloads = divide_work(parts, batches)
    log.info("joined: %s", ", ".join(sorted(facts)))
    return engine, facts


def _record_joining(parts: Setup, facts: Mapping[str, SiteFacts], ledger: Ledger) -> None:
    config = select_travelling_config(parts.config)
    for name in parts.sites:
        ledger.write(list_values(name, TO_SITE, CONFIG, config))
        if name in facts:
            ledger.write(list_values(name, FROM_SITE, FACTS, asdict(facts[name])))


def _require_sites(
    parts: Setup, facts: Mapping[str, SiteFacts], reasons: Mapping[str, str]
) -> None:
    plan, tolerance = parts.plan, parts.plan.tolerance
    needed = {parts.aligned_with} if parts.aligned_with else set[str]()
    if not tolerance.tolerates_failures or parts.config["budget"] == "steps":
        needed |= {*plan.participants, *plan.validation_sites}
    missing = sorted(needed & reasons.keys())
    there = [site for site in plan.participants if site in facts]
    if missing:
        raise SiteFailed("\n".join(reasons[site] for site in missing))
    if len(there) < (least := tolerance.count_needed(plan.n_drawn)):
        told = "".join(f"\n{reasons[site]}" for site in sorted(reasons))
        raise SiteFailed(f"{least} sites have to take part (robust.quorum), {len(there)} do.{told}")
    for reason in reasons.values():
        log.warning("%s The run begins without it.", reason)
