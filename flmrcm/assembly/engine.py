"""From the config's engine to one that reaches the sites."""

from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.assembly.checking import Gathering
from flmrcm.federation.crew import Crew
from flmrcm.federation.engine import Engine
from flmrcm.federation.memory import MemoryStore
from flmrcm.strategies.base import Strategy

IN_PROCESS = "flmrcm.engines.in_process.InProcess"


def check_engine(cfg: DictConfig, strategy: Any, found: Gathering) -> None:
    """Builds the engine with nobody behind it: what it lacks is told before any data are touched.

    Args:
        cfg: a training config.
        strategy: the federated algorithm, if it could be built.
        found: gathers the problems.
    """
    found.build("engine", cfg.engine, clients=Crew({}, dict), store=MemoryStore())
    if get_object(cfg.engine["_target_"]).may_share_images:
        return
    if isinstance(strategy, Strategy) and strategy.needs_target_images:
        found.problems.append(
            f"strategy: {strategy.name} shows the target's images to every site, and this engine "
            "keeps sites apart; use engine=in_process, or strategy=fl_mrcm_latent."
        )
    if cfg.pooled is True:
        found.problems.append(
            "pooled=true: makes one site of all images, and this engine keeps sites apart; use "
            "engine=in_process."
        )


def build_engine(node: dict[str, Any], clients: Crew, store: MemoryStore) -> Engine:
    """Gives the engine that a checked config describes."""
    found = Gathering()
    engine = found.build("engine", node, clients=clients, store=store)
    found.raise_if_any()
    return engine
