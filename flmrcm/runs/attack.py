"""An attack on a run of one's own: from typed words and a checkpoint to a folder with a finding."""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from flmrcm import __version__
from flmrcm.attacks.attacked_run import Attack, AttackedRun, Finding, OnStep
from flmrcm.config.build import Builder, to_plain
from flmrcm.config.check import check_config
from flmrcm.config.compose import gather_problems
from flmrcm.config.federation import IN_PROCESS
from flmrcm.config.run_config import overlay_words
from flmrcm.config.setup import Setup
from flmrcm.config.sites import choose_sites
from flmrcm.config.travelling import has_remote_sites
from flmrcm.errors import CheckpointError, ConfigErrors
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.files import expand_home, write_atomically
from flmrcm.reports.figures.attacks import draw_finding
from flmrcm.runs.opened_checkpoint import OpenedCheckpoint, open_checkpoint
from flmrcm.runs.replay import Replay

FINDING, FIGURE = "attack.json", "attack.png"


@dataclass(frozen=True)
class PreparedAttack:
    """An attack, checked; no image has been read.

    Attributes:
        attack: what is done.
        attacked: what it's done to.
        about: what the finding says of both.
    """

    attack: Attack
    attacked: AttackedRun
    about: dict[str, Any]

    def run(self, folder: Path, on_step: OnStep) -> Finding:
        """Attack, and write the finding and its figure into a folder.

        Raises:
            FlmrcmError: the data don't suffice, or a site sends nothing.
        """
        for site in self.attacked.sites.values():
            site.ensure()
        self.attacked.reset()
        finding = self.attack.run(self.attacked, on_step)
        content = {**self.about, "found": finding.describe()}
        write_atomically(folder / FINDING, json.dumps(content, indent=2) + "\n")
        draw_finding(finding, folder / FIGURE)
        return finding


def prepare_attack(asked: DictConfig, words: Sequence[str]) -> PreparedAttack:
    """Return an attack, checked.

    Args:
        asked: `flmrcm attack`'s own keys.
        words: of training, laid over the run's config.

    Raises:
        ConfigErrors: all problems together.
        CheckpointError: the file can't be read, isn't a run's, or holds another model's weights.
    """
    opened, builder = open_checkpoint(expand_home(asked.checkpoint), asked.trust), Builder()
    cfg = _localise(opened, words)
    attack = builder.build("kind", asked.kind, Attack)
    found = gather_problems([builder.raise_if_any, lambda: check_config(cfg)])
    setup: Setup = found[1]
    site = attack.choose_site(setup.strategy, setup.plan.participants)
    if asked.site is not None:
        (site, *more) = choose_sites("site", str(asked.site), cfg)
        if more:
            raise ConfigErrors([f"site={asked.site}: name one site."])
    attacked = _build_attacked_run(opened, setup, site)
    if problems := attack.find_problems(attacked):
        raise ConfigErrors(problems)
    return PreparedAttack(attack, attacked, _describe(opened, asked, attacked, words))


def _localise(opened: OpenedCheckpoint, words: Sequence[str]) -> DictConfig:
    """Return the run's config, words laid over it, for sites whose data lie here.

    Raises:
        CheckpointError: the checkpoint is no run's.
        ConfigErrors: the sites are elsewhere, or their data were pooled.
    """
    if opened.trained is None:
        raise CheckpointError(f"{opened.path}: not of an flmrcm run, whose messages it would tell.")
    cfg = overlay_words(opened.config, words)
    if has_remote_sites(cfg):
        raise ConfigErrors(
            [
                "engine: this run's sites lie elsewhere, and only one's own are attacked; where "
                "their data are at hand, type engine=in_process and data_dir=FOLDER."
            ]
        )
    if cfg.pooled:
        raise ConfigErrors(["pooled=true: all data were in one place, and no message crossed."])
    if cfg.get("secure_aggregation"):
        raise ConfigErrors(
            [
                "secure_aggregation=bonawitz: a single masked message says nothing; what the sum "
                "of all says is secure_aggregation=off with kind=inversion kind.seen=mean."
            ]
        )
    OmegaConf.set_struct(cfg, False)
    cfg.engine, cfg.robust = {"_target_": IN_PROCESS}, None
    cfg.compute.compile = False  # attacks differentiate twice, which compiled networks don't
    return cfg


def _build_attacked_run(opened: OpenedCheckpoint, setup: Setup, site: str) -> AttackedRun:
    checkpoint, module = read_checkpoint(opened.path), setup.module
    initial = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    opened.load_shared(module.model)
    setup.compute.prepare_model(module.model)
    own = replace(setup, module=deepcopy(module))  # an attack trains the module, too
    return AttackedRun(
        module=module,
        strategy=setup.strategy,
        local=setup.local,
        fabric=setup.compute.build_fabric(),
        sites=setup.sites,
        participants=sorted(setup.plan.participants),
        site=site,
        state=checkpoint.state,
        initial=initial,
        round=checkpoint.round + 1,
        rounds=setup.plan.rounds,
        seed=setup.plan.seed,
        messages=Replay(own, checkpoint, opened.path.parent / "memory"),
        share=setup.plan.n_drawn / len(setup.plan.participants),
    )


def _describe(
    opened: OpenedCheckpoint, asked: DictConfig, attacked: AttackedRun, words: Sequence[str]
) -> dict[str, Any]:
    return {
        "made_by": f"flmrcm {__version__}",
        "checkpoint": str(opened.path),
        "checkpoint_sha256": sha256(opened.path.read_bytes()).hexdigest(),
        "strategy": attacked.strategy.name,
        "words": list(words),
        "round": attacked.round,
        "site": attacked.site,
        "kind": to_plain(asked.kind),
    }
