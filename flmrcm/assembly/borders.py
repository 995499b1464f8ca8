"""What may cross: each site's own policy, and whether engine and plan suit the strategy."""

from collections.abc import Mapping
from pathlib import Path

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.assembly.checking import Gathering
from flmrcm.assembly.own_file import described, read_settings
from flmrcm.assembly.sites import site_nodes
from flmrcm.federation.border import HousePolicy
from flmrcm.federation.engine import Engine
from flmrcm.federation.rounds import Plan
from flmrcm.strategies.base import Strategy


def build_policies(cfg: DictConfig, found: Gathering) -> dict[str, HousePolicy]:
    """Gives what each site with a `policy` file allows."""
    policies: dict[str, HousePolicy] = {}
    for name, node in sorted(site_nodes(cfg).items()):
        if node.get("policy"):
            path = Path(node.policy).expanduser()
            policy = found.attempt(f"sites.{name}.policy", lambda path=path: read_policy(path))
            if policy is not None:
                policies[name] = policy
    return policies


def read_policy(path: Path) -> HousePolicy:
    """Gives the policy that a site's YAML file describes; what it doesn't say is the default.

    Raises:
        ConfigErrors: no such file, no YAML, unknown keys or values; all together.
    """
    return described(path, HousePolicy, read_settings(path))


def crossing_problems(
    cfg: DictConfig, strategy: Strategy, plan: Plan, policies: Mapping[str, HousePolicy]
) -> list[str]:
    """Gives a line for each way in which engine, policies or quorum rule the strategy out."""
    engine: type[Engine] = get_object(cfg.engine["_target_"])
    return [
        *_image_problems(cfg, strategy, engine, policies),
        *_reply_problems(strategy, plan, engine),
    ]


def _image_problems(
    cfg: DictConfig,
    strategy: Strategy,
    engine: type[Engine],
    policies: Mapping[str, HousePolicy],
) -> list[str]:
    """Images are read in place or not at all."""
    shown = [strategy.target] * strategy.needs_target_images
    way_out = f"{strategy.name} shows the target's images to others; use strategy=fl_mrcm_latent"
    if cfg.pooled is True:
        shown, way_out = list(policies), "pooled=true puts sites' images together; use pooled=false"
    problems = [
        f"sites.{site}.policy: images never leave it, but {way_out}."
        for site in shown
        if site in policies
    ]
    if not engine.on_one_machine and (shown or cfg.pooled is True):
        apart = f"engine: {engine.__name__} keeps sites apart"
        problems.append(f"{apart}, but {way_out}, or engine=in_process.")
    return problems


def _reply_problems(strategy: Strategy, plan: Plan, engine: type[Engine]) -> list[str]:
    """A rule for many replies needs many; a quorum can't be more than all."""
    problems: list[str] = []
    tolerance, drawn = plan.tolerance, plan.drawn
    if tolerance.quorum is not None and tolerance.quorum > drawn:
        problems.append(f"robust.quorum={tolerance.quorum}: only {drawn} sites train in a round.")
    elif tolerance.needed(drawn) < strategy.fewest_replies:
        problems.append(
            f"strategy.aggregation: needs {strategy.fewest_replies} replies, but a round may have "
            f"{tolerance.needed(drawn)} (robust.quorum, strategy.faulty)."
        )
    if tolerance.timeout is not None and not engine.can_interrupt:
        said = f"{engine.__name__} can't interrupt a call; use null."
        problems.append(f"robust.timeout={tolerance.timeout}: {said}")
    return problems
