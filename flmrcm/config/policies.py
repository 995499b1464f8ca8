"""Each site's own policy, and whether policies, engine and plan suit the strategy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.config.build import Builder
from flmrcm.config.settings_file import build_from_file, read_settings
from flmrcm.config.sites import list_site_nodes
from flmrcm.errors import ConfigErrors
from flmrcm.federation.engine import JOIN, Engine
from flmrcm.federation.rounds import TrainingPlan
from flmrcm.files import expand_home
from flmrcm.middleware.policy import PolicyGate, SitePolicy
from flmrcm.strategies.base import Strategy


def build_gates(cfg: DictConfig, builder: Builder) -> dict[str, PolicyGate]:
    """Return the gate of each site that has a `policy` file, by name."""
    gates: dict[str, PolicyGate] = {}
    for name, node in sorted(list_site_nodes(cfg).items()):
        if node.get("policy"):
            path = expand_home(node.policy)
            policy = builder.attempt(f"sites.{name}.policy", lambda path=path: read_policy(path))
            if policy is not None:
                budget = locate_budget(path)
                gates[name] = PolicyGate(policy, locate_book(path), budget=budget)
    return gates


def locate_book(policy: Path) -> Path:
    """Return the file beside a policy's in which calls are counted."""
    return policy.with_suffix(".calls.csv")


def locate_budget(file: Path) -> Path:
    """Return the file beside a policy's, or a site's, in which spent privacy is added up."""
    return file.with_suffix(".privacy.csv")


def read_policy(path: Path) -> SitePolicy:
    """Return the policy that a site's YAML file describes, with defaults for keys it leaves out.

    Raises:
        ConfigErrors: no such file, an empty one, no YAML, unknown keys or values; all together.
    """
    settings = read_settings(path)
    # what a full device left of it would otherwise allow every operation
    if not path.read_bytes().strip():
        raise ConfigErrors([f"{path}: is empty; write {{}} if every default is meant."])
    return build_from_file(path, SitePolicy, settings)


def find_crossing_problems(
    cfg: DictConfig, strategy: Strategy, plan: TrainingPlan, gates: Mapping[str, PolicyGate]
) -> list[str]:
    """Return a line for each way in which engine, policies or quorum exclude the strategy."""
    engine: type[Engine] = get_object(cfg.engine["_target_"])
    return [
        f"sites.{site}.policy: {JOIN} isn't among its operations, so it takes part in no run."
        for site, gate in gates.items()
        if gate.policy is not None and JOIN not in gate.policy.operations
    ] + [
        *_find_image_problems(cfg, strategy, engine, list(gates)),
        *_find_reply_problems(strategy, plan, engine),
    ]


def _find_image_problems(
    cfg: DictConfig,
    strategy: Strategy,
    engine: type[Engine],
    with_policy: Sequence[str],
) -> list[str]:
    """Return problems of strategies that show images: images are read in place or not at all."""
    shown = [strategy.target] * strategy.needs_target_images
    reason = f"{strategy.name} shows the target's images to others; use strategy=fl_mrcm_latent"
    if cfg.pooled is True:
        shown, reason = (
            list(with_policy),
            "pooled=true puts sites' images together; use pooled=false",
        )
    problems = [
        f"sites.{site}.policy: images never leave it, but {reason}."
        for site in shown
        if site in with_policy
    ]
    if not engine.on_one_machine and (shown or cfg.pooled is True):
        separate = f"engine: {engine.__name__} keeps sites apart"
        problems.append(f"{separate}, but {reason}, or engine=in_process.")
    return problems


def _find_reply_problems(strategy: Strategy, plan: TrainingPlan, engine: type[Engine]) -> list[str]:
    """Return problems of rules and quorums that need more replies than there are."""
    problems: list[str] = []
    tolerance, drawn = plan.tolerance, plan.n_drawn
    if tolerance.quorum is not None and tolerance.quorum > drawn:
        problems.append(f"robust.quorum={tolerance.quorum}: only {drawn} sites train in a round.")
    elif tolerance.count_needed(drawn) < strategy.fewest_replies:
        problems.append(
            f"strategy.aggregation: needs {strategy.fewest_replies} replies, but a round may have "
            f"{tolerance.count_needed(drawn)} (robust.quorum, strategy.faulty)."
        )
    if tolerance.timeout is not None and not engine.can_interrupt:
        why = f"{engine.__name__} can't interrupt a call; use null."
        problems.append(f"robust.timeout={tolerance.timeout}: {why}")
    return problems
