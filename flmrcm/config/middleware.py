"""From the config's middleware to the chain at each site and at the server."""

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.setup import Setup
from flmrcm.federation.middleware import Middleware, ServerSide, SiteHalf, SiteSide, sort_members
from flmrcm.federation.server_chain import ServerChain
from flmrcm.learning.module import ReconModule
from flmrcm.middleware.budget_book import BudgetBook
from flmrcm.middleware.ledger import LedgerWriter
from flmrcm.middleware.policy import PolicyGate
from flmrcm.middleware.reply_validation import ReplyValidation
from flmrcm.middleware.wire import Wire
from flmrcm.strategies.base import Strategy


def build_members(cfg: DictConfig, builder: Builder) -> dict[str, Middleware]:
    """Return the members a config names, and the defaults of those it leaves out."""
    members: dict[str, Middleware] = {"wire": Wire(), "reply_validation": ReplyValidation()}
    nodes = to_plain(cfg.get("middleware")) or {}
    for name, node in nodes.items():
        member = builder.build(f"middleware.{name}", node, Middleware)
        if member is not None:
            members[name] = member
    for name in ("privacy", "compression"):
        node = to_plain(cfg.get(name)) or {}
        member = builder.build(name, node, Middleware) if node else None
        members |= {name: member} if member is not None else {}
    return members


def find_member_problems(
    members: Mapping[str, Middleware], strategy: Strategy, module: ReconModule
) -> list[str]:
    """Return a line for each way in which a member can't stand beside the rest of a run."""
    return [
        line
        for member in members.values()
        for line in member.find_problems(strategy, module, members)
    ]


def build_site_chain(setup: Setup, site: str, folder: Path) -> list[SiteHalf]:
    """Return a site's halves, from the transport inwards; notes lie below the run's folder."""
    gate = setup.gates.get(site, PolicyGate())
    book = BudgetBook(gate.budget, gate.policy.largest_epsilon if gate.policy else None)
    own = {"ledger": LedgerWriter(), "policy": gate, "budget": book}
    members: Mapping[str, Middleware] = {**setup.middleware, **own}
    side = SiteSide(site, setup.strategy, setup.plan.seed, folder / "sites" / site, *_count(setup))
    return [member.build_site_half(side) for member in sort_members(members)]


def build_server_chain(setup: Setup, folder: Path) -> ServerChain:
    """Return the server's halves; the ledger lies in the run's folder."""
    members: Mapping[str, Middleware] = {**setup.middleware, "ledger": LedgerWriter()}
    side = ServerSide(setup.strategy, folder, setup.plan.seed, *_count(setup))
    return ServerChain([member.build_server_half(side) for member in sort_members(members)])


def _count(setup: Setup) -> tuple[int, int]:
    """Return the run's rounds, and how many good replies each needs."""
    return setup.plan.rounds, setup.plan.tolerance.count_needed(setup.plan.n_drawn)
