"""`flmrcm evaluate`: judge any checkpoint on any sites."""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.check import build_sites
from flmrcm.config.compose import compose_config
from flmrcm.config.jobs import list_combinations
from flmrcm.config.learner import build_learner, load_weights
from flmrcm.config.overlay import overlay_words
from flmrcm.config.sites import choose_sites
from flmrcm.data.site import Site
from flmrcm.data.source import SPLITS
from flmrcm.errors import ConfigErrors, DataLayoutError, check_choice
from flmrcm.learning.metrics import ZERO_FILLED, describe_metrics
from flmrcm.learning.records import SAVED_KINDS
from flmrcm.learning.scoring import Evaluator
from flmrcm.learning.weights import read_torch_file
from flmrcm.reports.collected.finished_runs import collect_runs
from flmrcm.reports.numbers.condition_means import average_by_condition, build_condition_table
from flmrcm.reports.tables.terminal import build_score_table, read_score_file
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.testing import CheckpointTest

log = logging.getLogger(__name__)

EVALUATE_KEYS = ("checkpoint", "split", "judged", "save", "output")


def main(words: list[str]) -> None:
    """Judges, prints the table, and writes scores and what was asked to be saved."""
    many, words = "-m" in words or "--multirun" in words, [w for w in words if w[0] != "-"]
    if not many:
        asked = compose_config("evaluate", _select_own_words(words))
        folder = Path(str(asked.output)) if asked.output else _make_folder()
        run_checkpoint_test(words, folder)
        Console().print(build_score_table(read_score_file(folder / "scores.csv")))
        _print_line(f"written: {folder}")
        return
    chosen = list_combinations(words)
    output = compose_config("evaluate", _select_own_words(chosen[0])).output
    folder = Path(str(output)) if output else _make_folder()
    for number, combination in enumerate(chosen, 1):
        log.info("%d of %d: %s", number, len(chosen), " ".join(combination))
        run_checkpoint_test(combination, folder / f"{number:03d}")
    runs = collect_runs([folder]).runs
    means = average_by_condition(runs)
    means.to_csv(folder / "conditions.csv", index=False)
    Console().print(build_condition_table(means))
    _print_line(f"written: {folder}/conditions.csv; flmrcm compare {folder} shows more")


def run_checkpoint_test(words: Sequence[str], path: Path) -> None:
    """Judges one checkpoint under one set of words, and keeps all in a folder."""
    asked = compose_config("evaluate", _select_own_words(words))
    checkpoint = _find_checkpoint(asked)
    content = read_torch_file(checkpoint)
    trained = content.get("config") if isinstance(content, dict) else None
    base = DictConfig(trained) if trained else compose_config("train", [])
    base.init_from = None
    cfg = overlay_words(base, [word for word in words if word not in _select_own_words(words)])
    scorer, module, sites = _build_parts(cfg, asked)
    load_weights(module.model, checkpoint, content)
    folder = RunFolder(path)
    folder.write_config({**to_plain(cfg), "evaluate": to_plain(asked)})
    method = (cfg.get("method") or cfg.strategy.name) if trained else checkpoint.stem
    judgement = CheckpointTest(method, asked.split, list(asked.save))
    chosen = {name: sites[name] for name in choose_sites("judged", asked.judged, cfg)}
    for method, name, _ in judgement.run(scorer, module, _ensure_data(chosen, asked.split), path):
        if method == ZERO_FILLED:
            log.info("judged: %s", name)
    prints = {name: site.fingerprint() for name, site in chosen.items()}
    folder.write_environment(site_fingerprints=prints)
    folder.write_metrics(describe_metrics(module.metrics))
    folder.mark_done()


def _select_own_words(words: Sequence[str]) -> list[str]:
    return [word for word in words if word.split("=")[0] in EVALUATE_KEYS]


def _print_line(text: str) -> None:
    Console(soft_wrap=True, highlight=False).print(text)


def _build_parts(cfg: DictConfig, asked: DictConfig) -> tuple[Evaluator, Any, dict[str, Site]]:
    found = Builder()
    found.problems += check_choice("split", asked.split, SPLITS)
    for kind in asked.save:
        found.problems += check_choice("save", kind, SAVED_KINDS)
    compute, module, _ = build_learner(cfg, found)
    sites = build_sites(cfg, found, module)
    found.raise_if_any()
    return Evaluator(compute), module, sites  # pyright: ignore[reportArgumentType]


def _ensure_data(sites: dict[str, Site], split: str) -> dict[str, Site]:
    for site in sites.values():
        site.ensure()
    if not any(site.has(split) for site in sites.values()):
        raise DataLayoutError(f"no site has a split '{split}'; check data_dir and contrast.")
    return sites


def _find_checkpoint(asked: DictConfig) -> Path:
    if OmegaConf.is_missing(asked, "checkpoint"):
        raise ConfigErrors(["checkpoint: give checkpoint=FILE."])
    return Path(asked.checkpoint).expanduser()


def _make_folder() -> Path:
    now = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    path = Path("outputs") / "evaluate" / f"{now}_{token_hex(2)}"
    path.mkdir(parents=True)
    return path
