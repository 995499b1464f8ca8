"""Before the first round: who of the sites is there, and do their data fit?"""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flmrcm.assembly.abroad import travelling
from flmrcm.assembly.checking import Gathering
from flmrcm.assembly.clients import shares_of
from flmrcm.assembly.federation import check_facts
from flmrcm.assembly.parts import Parts
from flmrcm.errors import SiteFailed
from flmrcm.federation.crew import Crew
from flmrcm.federation.facts import SiteFacts
from flmrcm.federation.ledger import CONFIG, FACTS, FROM_SITE, TO_SITE, Ledger, told
from flmrcm.federation.memory import MemoryStore

log = logging.getLogger(__name__)


def joined(parts: Parts, reach: Any, ledger: Ledger) -> tuple[Any, dict[str, SiteFacts]]:
    """Gives the engine, told each site's share of the work, and the facts of those that joined.

    Args:
        parts: checked.
        reach: the way to the sites, as the engine takes it.
        ledger: the coordinator's book.

    Raises:
        SiteFailed: a site that's needed didn't join; every reason is told.
        ConfigErrors: the model doesn't fit the data.
    """
    found = Gathering()
    node, names = parts.config["engine"], Crew(dict.fromkeys(parts.sites), dict)  # pyright: ignore[reportArgumentType]
    engine = found.build("engine", node, clients=names, store=MemoryStore(), reach=reach)
    found.raise_if_any()
    facts, reasons = engine.join({name: parts.splits_needed(name) for name in parts.sites})
    _book(parts, facts, ledger)
    _require(parts, facts, reasons)
    check_facts(parts, facts)
    batches = {name: fact.n_batches for name, fact in facts.items() if fact.has("train")}
    engine.shares = shares_of(parts, batches)
    log.info("joined: %s", ", ".join(sorted(facts)))
    return engine, facts


def _book(parts: Parts, facts: Mapping[str, SiteFacts], ledger: Ledger) -> None:
    config = travelling(parts.config)
    for name in parts.sites:
        ledger.write(told(name, TO_SITE, CONFIG, config))
        if name in facts:
            ledger.write(told(name, FROM_SITE, FACTS, asdict(facts[name])))


def _require(parts: Parts, facts: Mapping[str, SiteFacts], reasons: Mapping[str, str]) -> None:
    plan, tolerance = parts.plan, parts.plan.tolerance
    needed = {parts.aligned_with} if parts.aligned_with else set[str]()
    if not tolerance.bears_failures or parts.config["budget"] == "steps":
        needed |= {*plan.participants, *plan.judged}
    missing = sorted(needed & reasons.keys())
    there = [site for site in plan.participants if site in facts]
    if missing:
        raise SiteFailed("\n".join(reasons[site] for site in missing))
    if len(there) < (least := tolerance.needed(plan.drawn)):
        told = "".join(f"\n{reasons[site]}" for site in sorted(reasons))
        raise SiteFailed(f"{least} sites have to take part (robust.quorum), {len(there)} do.{told}")
    for reason in reasons.values():
        log.warning("%s The run begins without it.", reason)
