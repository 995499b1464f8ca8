"""One run, from its first round to its judgement."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from flmrcm.assembly.checking import Gathering
from flmrcm.assembly.federation import build_engine, build_federation, check, prepare_data
from flmrcm.assembly.joining import joined
from flmrcm.assembly.parts import Parts
from flmrcm.errors import FlmrcmError
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.engine import Engine
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.ledger import LEDGER, Ledger
from flmrcm.federation.rounds import BEST_BY
from flmrcm.learning.judge import Judge
from flmrcm.logs import log_to_file
from flmrcm.reports.figures.error_maps import draw_panel
from flmrcm.reports.tables.terminal import read_score_file, terminal_table
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.judgement import Judgement, as_rows
from flmrcm.tracking.live import Live
from flmrcm.tracking.run_info import RunInfo, training_run

log = logging.getLogger(__name__)


def run(
    cfg: DictConfig, folder: RunFolder, resumes: bool, reach: Callable[[Parts], Any] | None = None
) -> None:
    """Runs a training config in a folder, from its start or from its last whole round.

    Args:
        cfg: composed.
        folder: the run's.
        resumes: whether a run begun there may be gone on with.
        reach: gives the way to sites whose data aren't at hand.

    Raises:
        FlmrcmError: one clear line; every whole round is kept.
    """
    if folder.done and not resumes:
        raise FlmrcmError(f"{folder.path}: holds a finished run; give this one another name=….")
    with folder.held(), log_to_file(folder.path / "run.log"):
        parts = check(cfg)
        if folder.started and not resumes:
            raise FlmrcmError(
                f"{folder.path}: holds another run; go on with resume={folder.path}, or give this "
                "one another name=…."
            )
        folder.write_config(parts.config)
        folder.mark_begun()
        pool = " (pooled)" if parts.pooled else ""
        sites, target = ", ".join(parts.plan.chosen_by) + pool, parts.strategy.target
        log.info("%s on %s; target %s; %s", parts.strategy.name, sites, target, folder.path)
        _train_and_judge(parts, folder, reach)
        folder.mark_done()
    Console().print(terminal_table(read_score_file(folder.scores_path)))


def _train_and_judge(parts: Parts, folder: RunFolder, reach: Callable[[Parts], Any] | None) -> None:
    facts = {} if reach else prepare_data(parts)
    journal = Journal(folder.path / "journal.csv")
    info = run_info(parts, folder.path)
    with ExitStack() as stack:
        live = stack.enter_context(Live(parts.plan.rounds, list(parts.plan.judged)))
        trackers = [live, *build_trackers(parts.config["logger"], info)]
        if reach:
            engine, facts = joined(parts, reach(parts), Ledger(folder.path / LEDGER))
        else:
            engine = build_engine(parts, folder.path, live)
        federation = build_federation(parts, engine, facts, folder.path, trackers)
        prints = {name: fact.fingerprint for name, fact in facts.items() if name in parts.sites}
        folder.write_environment(
            device="gpu" if parts.compute.on_gpu else "cpu",
            site_fingerprints=prints,
            aligned_with=parts.aligned_with,
        )
        with closing(federation.engine):
            federation.run(parts.module.model.state_dict())
        panels = judge_run(parts, folder, trackers, engine)
        rows = journal.read()
        for tracker in trackers:
            tracker.close(rows, panels)


def judge_run(
    parts: Parts, folder: RunFolder, trackers: Sequence[Tracker], engine: Engine
) -> dict[str, Path]:
    """Judges the chosen checkpoint on every site's test split, and draws a panel for each."""
    settings = parts.config["test"]
    checkpoint = read_checkpoint(folder.path / "checkpoints" / f"{settings['checkpoint']}.pt")
    parts.module.model.load_state_dict(dict(checkpoint.weights))
    judgement = Judgement(parts.strategy.name, most=settings["saved_volumes"])
    journal, panels = Journal(folder.path / "journal.csv"), dict[str, Path]()
    training_first = sorted(parts.sites, key=lambda name: name not in parts.plan.judged)
    sites = {name: parts.sites[name] for name in training_first}
    if engine.data_at_hand:
        judged = judgement.run(Judge(parts.compute), parts.module, sites, folder.path)
    else:
        judged = judgement.run_at_sites(engine, checkpoint, list(sites), folder.path)
    for method, site, scores in judged:
        rows = as_rows(checkpoint.round, "test", method, site, scores)
        journal.write(rows)
        for tracker in trackers:
            tracker.log(rows)
    for volume_folder in sorted((folder.path / "reconstructions").glob("*/")):
        path = folder.path / "panels" / f"{volume_folder.name}.png"
        volumes = sorted(volume_folder.rglob("*.h5"))
        draw_panel({parts.strategy.name: volumes[0]}, path)
        panels[volume_folder.name] = path
    return panels


def build_trackers(nodes: dict[str, Any], info: RunInfo) -> list[Tracker]:
    """Gives the trackers the config's `logger` names."""
    found = Gathering()
    built = [found.build(f"logger.{name}", node, run=info) for name, node in nodes.items()]
    found.raise_if_any()
    return built


def run_info(parts: Parts, folder: Path) -> RunInfo:
    """Gives what trackers say about the run."""
    return training_run(folder, parts.config)


def validation_score(folder: RunFolder) -> float:
    """Gives the mean PSNR (dB, fastMRI's convention) of the last validation, over its sites.

    NaN where the run has none. Searches maximise it; test volumes never enter.
    """
    rows = Journal(folder.path / "journal.csv").read()
    found = [r for r in rows if (r.split, r.metric, r.convention) == ("val", *BEST_BY.split("/"))]
    last = [row.value for row in found if row.round == found[-1].round]
    return fmean(last) if last else float("nan")
