"""One run, from its first round to its judgement."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from flmrcm.config.build import Builder
from flmrcm.config.check import build_engine, build_rounds, check_config, prepare_data
from flmrcm.config.setup import Setup
from flmrcm.config.travelling import has_remote_sites
from flmrcm.errors import FlmrcmError
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.engine import Engine
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.federation.ledger import LEDGER, Ledger
from flmrcm.federation.rounds import BEST_BY
from flmrcm.learning.scoring import Evaluator
from flmrcm.logs import log_to_file
from flmrcm.remote.engine import Connection
from flmrcm.remote.joining import join_sites
from flmrcm.remote.launch import hand_over
from flmrcm.reports.figures.error_maps import draw_panel
from flmrcm.reports.tables.terminal import build_score_table, read_score_file
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.testing import CheckpointTest, build_measurements
from flmrcm.tracking.live import LiveView
from flmrcm.tracking.run_info import RunInfo, describe_training

log = logging.getLogger(__name__)


def run_training(
    cfg: DictConfig,
    folder: RunFolder,
    resumes: bool,
    connect: Callable[[Setup], Connection] | None = None,
) -> None:
    """Runs a training config in a folder, from its start or from its last whole round.

    Args:
        cfg: composed.
        folder: the run's.
        resumes: whether a run begun there may be gone on with.
        connect: gives the way to sites whose data aren't at hand.

    Raises:
        FlmrcmError: one clear line; every whole round is kept.
    """
    if folder.done and not resumes:
        raise FlmrcmError(f"{folder.path}: holds a finished run; give this one another name=….")
    with folder.lock(), log_to_file(folder.path / "run.log"):
        parts = check_config(cfg)
        if folder.started and not resumes:
            raise FlmrcmError(
                f"{folder.path}: holds another run; go on with resume={folder.path}, or give this "
                "one another name=…."
            )
        folder.write_config(parts.config)
        folder.clear_marks()
        pool = " (pooled)" if parts.pooled else ""
        sites, target = ", ".join(parts.plan.selection_sites) + pool, parts.strategy.target
        log.info("%s on %s; target %s; %s", parts.strategy.name, sites, target, folder.path)
        _train_and_test(parts, folder, connect)
        folder.mark_done()
    Console().print(build_score_table(read_score_file(folder.scores_path)))


def launch(cfg: DictConfig, folder: RunFolder, resumes: bool) -> None:
    """Run a training config here, or hand it over to the coordinator that reaches its sites.

    Raises:
        FlmrcmError: one clear line; every whole round is kept.
    """
    if has_remote_sites(cfg):
        hand_over(cfg, folder.path, resumes)
    else:
        run_training(cfg, folder, resumes)


def train_at_coordinator(
    cfg: DictConfig, folder: Path, resumes: bool, connect: Callable[[Setup], Connection]
) -> None:
    """Run a training config that was handed over; see `remote.requests.Train`."""
    run_training(cfg, RunFolder(folder), resumes, connect)


def _train_and_test(
    parts: Setup, folder: RunFolder, connect: Callable[[Setup], Connection] | None
) -> None:
    facts = {} if connect else prepare_data(parts)
    journal = Journal(folder.path / "journal.csv")
    info = describe_run(parts, folder.path)
    with ExitStack() as stack:
        live = stack.enter_context(LiveView(parts.plan.rounds, list(parts.plan.validation_sites)))
        trackers = [live, *build_trackers(parts.config["logger"], info)]
        if connect:
            engine, facts = join_sites(parts, connect(parts), Ledger(folder.path / LEDGER))
        else:
            engine = build_engine(parts, folder.path, live)
        federation = build_rounds(parts, engine, facts, folder.path, trackers)
        prints = {name: fact.fingerprint for name, fact in facts.items() if name in parts.sites}
        folder.write_environment(
            device="gpu" if parts.compute.on_gpu else "cpu",
            site_fingerprints=prints,
            aligned_with=parts.aligned_with,
        )
        with closing(federation.engine):
            federation.run(parts.module.model.state_dict())
        panels = run_final_test(parts, folder, trackers, engine)
        rows = journal.read()
        for tracker in trackers:
            tracker.close(rows, panels)


def run_final_test(
    parts: Setup, folder: RunFolder, trackers: Sequence[Tracker], engine: Engine
) -> dict[str, Path]:
    """Judges the chosen checkpoint on every site's test split, and draws a panel for each."""
    settings = parts.config["test"]
    checkpoint = read_checkpoint(folder.path / "checkpoints" / f"{settings['checkpoint']}.pt")
    parts.module.model.load_state_dict(dict(checkpoint.weights))
    judgement = CheckpointTest(parts.strategy.name, max_volumes=settings["saved_volumes"])
    journal, panels = Journal(folder.path / "journal.csv"), dict[str, Path]()
    training_first = sorted(parts.sites, key=lambda name: name not in parts.plan.validation_sites)
    sites = {name: parts.sites[name] for name in training_first}
    if engine.data_is_local:
        judged = judgement.run(Evaluator(parts.compute), parts.module, sites, folder.path)
    else:
        judged = judgement.run_at_sites(engine, checkpoint, list(sites), folder.path)
    for method, site, scores in judged:
        rows = build_measurements(checkpoint.round, "test", method, site, scores)
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
    found = Builder()
    built = [found.build(f"logger.{name}", node, run=info) for name, node in nodes.items()]
    found.raise_if_any()
    return built


def describe_run(parts: Setup, folder: Path) -> RunInfo:
    """Gives what trackers say about the run."""
    return describe_training(folder, parts.config)


def read_validation_score(folder: RunFolder) -> float:
    """Gives the mean PSNR (dB, fastMRI's convention) of the last validation, over its sites.

    NaN where the run has none. Searches maximise it; test volumes never enter.
    """
    rows = Journal(folder.path / "journal.csv").read()
    found = [r for r in rows if (r.split, r.metric, r.convention) == ("val", *BEST_BY.split("/"))]
    last = [row.value for row in found if row.round == found[-1].round]
    return fmean(last) if last else float("nan")
