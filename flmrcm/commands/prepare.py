"""`flmrcm prepare`: from an original download to a site that can be trained on."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from flmrcm.config.preparation import PreparationJob, build_preparation, compose_preparation
from flmrcm.config.site_files import (
    build_config_files,
    format_site,
    refuse_taken,
    suggest_training,
    write_configs,
)
from flmrcm.data.source import SPLITS
from flmrcm.data.targets import MOST_INSIDE_CUT
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.site_overview import write_overview
from flmrcm.inspection.volume_sheet import write_volume_sheet
from flmrcm.logs import say
from flmrcm.prepare.manifest import build_manifest, write_manifest
from flmrcm.prepare.namesakes import find_split_namesakes
from flmrcm.prepare.pipeline import PreparationPlan, anonymise_outcomes
from flmrcm.prepare.scan import UnusableVolume
from flmrcm.prepare.volume_task import VolumeOutcome
from flmrcm.reports.tables.fitting import print_whole
from flmrcm.reports.tables.prepare_tables import (
    build_planned_table,
    build_prepared_table,
    log_skipped,
    show_progress,
)

log = logging.getLogger(__name__)

CONF_FOLDER = Path("conf")
"""Where `site_config` writes, below the current folder."""


def main(words: list[str]) -> None:
    """Prepare the volumes that are missing, and print what the site holds then.

    Raises:
        ConfigErrors: words that aren't understood.
        FlmrcmError: a volume couldn't be used; all others are prepared.
    """
    typed = [word for word in words if word not in ("--cfg", "-c", "job")]
    cfg = compose_preparation(typed)
    if typed != words:
        say(OmegaConf.to_yaml(cfg))
        return
    job = build_preparation(cfg, write_volume_sheet)
    folder = job.preparation.folder
    folder.check(job.arguments)
    if job.options.dry_run:
        plan = _make_plan(job)
        print_whole(build_planned_table(plan.tasks, plan.done))
        _raise_if_skipped(len(plan.skipped), "would be skipped")
        return
    with folder.lock(job.arguments):
        plan = _make_plan(job)
        configs = _build_configs(job, plan)
        skipped = _prepare_missing(job, plan)
    _print_results(job, plan, configs)
    _raise_if_skipped(len(plan.skipped) + len(skipped), "couldn't be used")


def _make_plan(job: PreparationJob) -> PreparationPlan:
    plan = job.preparation.plan()
    log_skipped(plan.skipped)
    if job.options.strict and plan.skipped:
        raise UnusableVolume(plan.skipped[0])
    if plan.unlisted:
        log.info("left out: %d subjects that no list of split names", plan.unlisted)
    _warn_of_namesakes(plan)
    done = len(plan.tasks) - len(plan.missing)
    before = f", {done} done before" if done else ""
    subjects = len({task.patient for task in plan.tasks})
    log.info("%d volumes of %d subjects%s", len(plan.tasks), subjects, before)
    return plan


def _prepare_missing(job: PreparationJob, plan: PreparationPlan) -> list[VolumeOutcome]:
    """Prepare the missing volumes, write manifest and overview; return the volumes skipped."""
    skipped: list[VolumeOutcome] = []
    running = job.preparation.run(plan, job.options.workers)
    for outcome in show_progress(running, len(plan.missing)):
        if outcome.problem:
            skipped.append(outcome)
            if job.options.strict:
                raise UnusableVolume(outcome.line)
    folder = job.preparation.folder
    rows = folder.read_journal().values()
    unusable = anonymise_outcomes(skipped)
    write_manifest(
        folder.path, build_manifest(job.arguments, rows, plan.splits, unusable, len(plan.skipped))
    )
    overview = folder.path / "overview.html"
    # the overview opens every file, so a call that adds no volume doesn't write it
    if rows and (plan.missing or not overview.exists()):
        write_overview(folder.path, overview)
    return skipped


def _build_configs(job: PreparationJob, plan: PreparationPlan) -> dict[Path, str]:
    """Return the texts of new config files by path; refuse names that are in use."""
    name = job.options.site_config
    files = build_config_files(name, _list_roots(job, plan)) if name else {}
    refuse_taken(CONF_FOLDER, files)
    return files


def _list_roots(job: PreparationJob, plan: PreparationPlan) -> dict[str, Path]:
    """Return the folder of each site by its label."""
    path = job.preparation.folder.path
    return {task.site: path / task.found.site for task in plan.tasks}


def _print_results(job: PreparationJob, plan: PreparationPlan, configs: Mapping[Path, str]) -> None:
    folder = job.preparation.folder
    rows = folder.read_journal()
    print_whole(build_prepared_table(plan.tasks, rows))
    _warn_of_crops(rows)
    _warn_of_lost_slices(rows)
    _warn_of_empty_splits(plan, rows)
    if not rows:
        raise DataLayoutError(f"output={folder.path}: no volume could be prepared.")
    say(f"look at it: {folder.path / 'overview.html'}")
    name = job.options.site_config
    if name:
        write_configs(CONF_FOLDER, configs)
        say(f"train on it: {suggest_training(name, CONF_FOLDER)}")
        return
    for label, root in _list_roots(job, plan).items():
        say(f"\nconf/site/NAME.yaml, for {label}:\n{format_site(label, root)}")


def _warn_of_namesakes(plan: PreparationPlan) -> None:
    if pairs := find_split_namesakes(plan.tasks):
        one, other = pairs[0]
        log.warning(
            "the names of %d pairs of subjects differ only in case, leading zeros or separators, "
            "and they're in different splits, such as %s (%s) and %s (%s); if they're one person, "
            "give both one name, or lists of split",
            len(pairs), one.found.paths[0], one.split, other.found.paths[0], other.split,
        )  # fmt: skip


def _warn_of_crops(rows: Mapping[str, Mapping[str, Any]]) -> None:
    volumes = [volume for volume, row in rows.items() if row["foreground_cut"] > 0.01]
    if volumes:
        log.warning(
            "the crop cut off more than 1 %% of the foreground of %d volumes, such as %s; a larger "
            "size keeps it",
            len(volumes), volumes[0],
        )  # fmt: skip


def _warn_of_lost_slices(rows: Mapping[str, Mapping[str, Any]]) -> None:
    # rows of older calls don't have it
    volumes = [name for name, row in rows.items() if row.get("inside_cut", 0) > MOST_INSIDE_CUT]
    if volumes:
        log.warning(
            "more than a third of the slices inside the patient were left out of %d volumes, such "
            "as %s, since a part is far brighter than the rest; look at it, or lower foreground",
            len(volumes), volumes[0],
        )  # fmt: skip


def _warn_of_empty_splits(plan: PreparationPlan, rows: Mapping[str, object]) -> None:
    counts = Counter(task.split for task in plan.tasks if task.volume in rows)
    if empty := [split for split in SPLITS if not counts[split]]:
        log.warning("no volume in %s", " and ".join(empty))


def _raise_if_skipped(count: int, what: str) -> None:
    if count:
        raise UnusableVolume(f"{count} of the files or volumes {what}; the lines above say why.")
