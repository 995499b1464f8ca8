"""`flmrcm evaluate`: judge any checkpoint on any sites."""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from flmrcm.assembly.checking import Gathering, plain
from flmrcm.assembly.compose import combinations, composed
from flmrcm.assembly.federation import build_sites
from flmrcm.assembly.learner import build_learner, load_into
from flmrcm.assembly.overlay import overlaid
from flmrcm.assembly.sites import chosen_sites
from flmrcm.data.site import Site
from flmrcm.data.source import SPLITS
from flmrcm.errors import ConfigErrors, DataLayoutError, one_of
from flmrcm.learning.judge import Judge
from flmrcm.learning.metrics import ZERO_FILLED
from flmrcm.learning.records import SAVED
from flmrcm.learning.weights import read_file
from flmrcm.reports.collected.runs import collect
from flmrcm.reports.numbers.conditions import conditions, conditions_table
from flmrcm.reports.tables.terminal import read_score_file, terminal_table
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.judgement import Judgement

log = logging.getLogger(__name__)

OWN_KEYS = ("checkpoint", "split", "judged", "save", "output")

HELP = """usage: flmrcm evaluate [-m] checkpoint=FILE [split=test] [save=[...]] [KEY=VALUE ...]

Judges a checkpoint on sites. What isn't typed stays as the checkpoint was trained.

  checkpoint=outputs/train/…/checkpoints/last.pt    ours, fastMRI's, or the published code's
  split=train | val | test
  'judged=[ixi]'                                    some of the sites; all by default
  'save=[reconstruction,target,input,error,latent]' one h5 per volume, in fastMRI's layout
  output=FOLDER                                     default: a new one below outputs/evaluate/

  sites=bfhi data_dir=FOLDER                        other sites, also ones never trained on
  mask=equispaced 'mask.accelerations=[8]'          other masks
  model.channels=32                                 for checkpoints that don't say

every combination, one table at the end (conditions.csv)
  flmrcm evaluate -m checkpoint=FILE mask=random,equispaced 'mask.accelerations=[2],[4],[8]'
  flmrcm evaluate -m checkpoint=FILE,FILE,FILE      trained for different targets × test sites
"""


def main(words: list[str]) -> None:
    """Judges, prints the table, and writes scores and what was asked to be saved."""
    many, words = "-m" in words or "--multirun" in words, [w for w in words if w[0] != "-"]
    if not many:
        asked = composed("evaluate", _own(words))
        folder = Path(str(asked.output)) if asked.output else _new_folder()
        judge(words, folder)
        Console().print(terminal_table(read_score_file(folder / "scores.csv")))
        _say(f"written: {folder}")
        return
    chosen = combinations(words)
    output = composed("evaluate", _own(chosen[0])).output
    folder = Path(str(output)) if output else _new_folder()
    for number, combination in enumerate(chosen, 1):
        log.info("%d of %d: %s", number, len(chosen), " ".join(combination))
        judge(combination, folder / f"{number:03d}")
    runs = collect([folder]).runs
    means = conditions(runs)
    means.to_csv(folder / "conditions.csv", index=False)
    Console().print(conditions_table(means))
    _say(f"written: {folder}/conditions.csv; flmrcm compare {folder} shows more")


def judge(words: Sequence[str], path: Path) -> None:
    """Judges one checkpoint under one set of words, and keeps all in a folder."""
    asked = composed("evaluate", _own(words))
    checkpoint = _checkpoint(asked)
    content = read_file(checkpoint)
    trained = content.get("config") if isinstance(content, dict) else None
    base = DictConfig(trained) if trained else composed("train", [])
    base.init_from = None
    cfg = overlaid(base, [word for word in words if word not in _own(words)])
    scorer, module, sites = _checked(cfg, asked)
    load_into(module.model, checkpoint, content)
    folder = RunFolder(path)
    folder.write_config({**plain(cfg), "evaluate": plain(asked)})
    method = (cfg.get("method") or cfg.strategy.name) if trained else checkpoint.stem
    judgement = Judgement(method, asked.split, list(asked.save))
    chosen = {name: sites[name] for name in chosen_sites("judged", asked.judged, cfg)}
    for method, name, _ in judgement.run(scorer, module, _made(chosen, asked.split), path):
        if method == ZERO_FILLED:
            log.info("judged: %s", name)
    prints = {name: site.fingerprint() for name, site in chosen.items()}
    folder.write_environment(site_fingerprints=prints)
    folder.mark_done()


def _own(words: Sequence[str]) -> list[str]:
    return [word for word in words if word.split("=")[0] in OWN_KEYS]


def _say(text: str) -> None:
    Console(soft_wrap=True, highlight=False).print(text)


def _checked(cfg: DictConfig, asked: DictConfig) -> tuple[Judge, Any, dict[str, Site]]:
    found = Gathering()
    found.problems += one_of("split", asked.split, SPLITS)
    for kind in asked.save:
        found.problems += one_of("save", kind, SAVED)
    compute, module, _ = build_learner(cfg, found)
    sites = build_sites(cfg, found, bool(module and module.model.needs_kspace))
    found.raise_if_any()
    return Judge(compute), module, sites  # pyright: ignore[reportArgumentType]


def _made(sites: dict[str, Site], split: str) -> dict[str, Site]:
    for site in sites.values():
        site.ensure()
    if not any(site.has(split) for site in sites.values()):
        raise DataLayoutError(f"no site has a split '{split}'; check data_dir and contrast.")
    return sites


def _checkpoint(asked: DictConfig) -> Path:
    if OmegaConf.is_missing(asked, "checkpoint"):
        raise ConfigErrors(["checkpoint: give checkpoint=FILE."])
    return Path(asked.checkpoint).expanduser()


def _new_folder() -> Path:
    now = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    path = Path("outputs") / "evaluate" / f"{now}_{token_hex(2)}"
    path.mkdir(parents=True)
    return path
