"""One run, from its first round to its test."""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import DictConfig

from flmrcm.config.check import check_config
from flmrcm.config.federation import (
    build_engine,
    build_remote_engine,
    build_rounds,
    join_sites,
    open_journal,
)
from flmrcm.config.setup import Setup
from flmrcm.config.travelling import has_remote_sites
from flmrcm.errors import FlmrcmError
from flmrcm.federation.checkpoint import CheckpointFolder, read_checkpoint
from flmrcm.federation.journal import Journal, Panel
from flmrcm.federation.rounds import BEST_BY, Rounds, load_history
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.files import flush_files
from flmrcm.learning.metrics import describe_metrics
from flmrcm.learning.precision import AUTO
from flmrcm.learning.records import NO_WEIGHTS, PERSONAL
from flmrcm.logs import log_to_file
from flmrcm.middleware.ledger import LEDGER, Ledger
from flmrcm.remote.connection import Connection
from flmrcm.remote.launch import hand_over
from flmrcm.reports.figures.error_maps import draw_panel
from flmrcm.reports.figures.saved_volumes import describe_middle_slice, holds_target
from flmrcm.reports.tables.fitting import print_whole
from flmrcm.reports.tables.terminal import build_run_table
from flmrcm.run_files import JOURNAL, RECONSTRUCTIONS
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.testing import (
    build_measurements,
    count_personal_training,
    describe_privacy,
    describe_unscored,
    describe_weights,
    score_sites,
)
from flmrcm.runs.trackers import build_trackers
from flmrcm.tracking.live import LiveView

log = logging.getLogger(__name__)


def run_training(
    cfg: DictConfig,
    folder: RunFolder,
    resumes: bool,
    connect: Callable[[Setup], Connection] | None = None,
) -> None:
    """Run a training config in a folder, from its start or from its last whole round.

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
        _begin(parts, folder)
        if cfg.compute.precision == AUTO:
            log.info("compute.precision=auto: %s", parts.compute.precision)
        pool = " (pooled)" if parts.pooled else ""
        sites, target = ", ".join(parts.plan.selection_sites) + pool, parts.strategy.target
        log.info("%s on %s; target %s; %s", parts.strategy.name, sites, target, folder.path)
        _train_and_test(parts, folder, connect)
        flush_files(folder.path.glob("*.csv"))
        folder.mark_done()
    print_whole(build_run_table(folder.path))


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


def _begin(setup: Setup, folder: RunFolder) -> None:
    """Write the run's config and remove the marks of its end, unless its history is damaged."""
    checkpoints = CheckpointFolder(folder.path / "checkpoints", 0, {})
    load_history(checkpoints, open_journal(setup, folder.path))
    # what was accepted once isn't accepted for good
    folder.write_config({**setup.config, "accept_lost_journal": False})
    folder.clear_marks()


def _train_and_test(
    setup: Setup, folder: RunFolder, connect: Callable[[Setup], Connection] | None
) -> None:
    path = folder.path
    live = LiveView(setup.plan.rounds, list(setup.plan.validation_sites))
    if connect:
        engine = build_remote_engine(setup, connect(setup))
    else:
        engine = build_engine(setup, path, live)
    facts = join_sites(setup, engine, Ledger(path / LEDGER))
    with live, closing(engine):
        trackers = [live, *build_trackers(setup, path)]
        rounds = build_rounds(setup, engine, facts, path, trackers)
        prints = {name: fact.fingerprint for name, fact in facts.items() if name in setup.sites}
        folder.write_environment(
            device=setup.compute.device_name,
            site_fingerprints=prints,
            aligned_with=setup.aligned_with,
        )
        folder.write_metrics(describe_metrics(setup.module.metrics))
        rounds.run(setup.module.model.state_dict())
        unit = getattr(setup.middleware.get("privacy"), "unit", "")
        if privacy := describe_privacy(rounds.journal.read(), unit):
            folder.add_to_environment(privacy=privacy)
        folder.add_to_environment(**_test(setup, rounds, facts, path))
        if unscored := describe_unscored({name: facts[name] for name in prints}):
            folder.add_to_environment(not_scored=unscored)
        panels, rows = _draw_panels(setup.strategy.name, path), rounds.journal.read()
        for tracker in trackers:
            tracker.close(rows, panels)


def _test(
    setup: Setup, rounds: Rounds, facts: Mapping[str, SiteFacts], folder: Path
) -> dict[str, Any]:
    """Test the chosen checkpoint on every site's test split; return whose weights were used."""
    name = setup.config["test"]["checkpoint"]
    checkpoint = read_checkpoint(folder / "checkpoints" / f"{name}.pt")
    used: dict[str, str] = {}
    for method, site, scores, weights in score_sites(setup, rounds, facts, checkpoint, folder):
        used |= {} if weights == NO_WEIGHTS else {site: weights}
        rows = build_measurements(checkpoint.round, "test", method, site, scores)
        rounds.journal.write(rows)
        for tracker in rounds.trackers:
            tracker.log(rows)
    about = describe_weights(setup.list_private(), setup.strategy.trains_personal, used)
    own = [site for site, weights in used.items() if weights == PERSONAL]
    cost = count_personal_training(rounds.journal.read(), checkpoint.round, own)
    found = {"tested_with": about, "personal_training": cost}
    return {key: value for key, value in found.items() if value}


def _draw_panels(method: str, folder: Path) -> dict[str, Panel]:
    """Draw the first saved volume of each site that was scored; return the pictures by site."""
    panels: dict[str, Panel] = {}
    for place in sorted((folder / RECONSTRUCTIONS).glob("*/")):
        # a volume that wasn't scored has no errors to show
        if volume := min(filter(holds_target, place.rglob("*.h5")), default=None):
            name = volume.relative_to(place.parent).with_suffix("")
            caption = f"{name.as_posix()}, {describe_middle_slice(volume)}"
            panels[place.name] = Panel(folder / "panels" / f"{place.name}.png", caption)
            draw_panel({method: volume}, *panels[place.name])
    return panels


def read_validation_score(folder: RunFolder) -> float:
    """Return the mean PSNR (dB, fastMRI's convention) of the last validation, over its sites.

    NaN where the run has none. Searches maximise it; test volumes never enter.
    """
    rows = Journal(folder.path / JOURNAL).read()
    builder = [r for r in rows if (r.split, r.metric, r.convention) == ("val", *BEST_BY.split("/"))]
    last = [row.value for row in builder if row.round == builder[-1].round]
    return fmean(last) if last else float("nan")
