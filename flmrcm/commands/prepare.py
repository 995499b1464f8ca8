"""`flmrcm prepare`: from an original download to a site that can be trained on."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console

from flmrcm.assembly.preparation import Job, build_preparation, compose_preparation
from flmrcm.assembly.site_config import (
    config_files,
    refuse_taken,
    site_yaml,
    training_words,
    write_configs,
)
from flmrcm.data.prepare.manifest import manifest, write_manifest
from flmrcm.data.prepare.preparation import Plan, anonymous
from flmrcm.data.prepare.scan import Skipped
from flmrcm.data.prepare.volume import Outcome
from flmrcm.data.source import SPLITS
from flmrcm.errors import DataLayoutError
from flmrcm.inspection.site_overview import write_overview
from flmrcm.inspection.volume_sheet import write_contact_sheet
from flmrcm.reports.tables.preparing import followed, planned_table, prepared_table, tell_skipped

log = logging.getLogger(__name__)

CONF = Path("conf")
"""Where `site_config` writes, below the current folder."""

HELP = """usage: flmrcm prepare source=NAME input=… output=FOLDER [KEY=VALUE ...]

Makes a site of original data: h5 files by contrast and split, splits.csv, manifest.json, a contact
sheet for each volume, overview.html. The same command again does only what is missing.

  source=nifti    input='/mine/**/*_T1w.nii.gz' subject_pattern='sub-(\\w+)_'
  source=brats    input=/dl/MICCAI_BraTS2020_TrainingData 'contrasts=[T1,T2]'
  source=ixi      input=/dl/ixi split_by=hospital
  source=fastmri  input=/dl/multicoil_train coils=combine
  source=dicom    input=/pacs/export

  size=256 | [320,320] | null             rows and columns, cropped or padded
  foreground=0.02                         share of foreground that the outermost slices must have
  phase=none | smooth                     given to images that have only a magnitude
  'split={train: 0.8, val: 0.1, test: 0.1}' seed=0
  'split={train: train.txt, val: [a, b], test: [c]}'
  limit=5 dry_run=true workers=2          try first, look, then make all
  site_config=NAME                        writes conf/site/NAME.yaml and conf/sites/NAME.yaml
  strict=true                             stop at the first volume that can't be used

  --cfg job                               print the whole config and do nothing

Ends with status 1 where a volume had to be skipped. See docs/prepare.md for each source.
"""


def main(words: list[str]) -> None:
    """Checks, finds, prepares what is missing, and says what there is now."""
    typed = [word for word in words if word not in ("--cfg", "-c", "job")]
    cfg = compose_preparation(typed)
    if typed != words:
        Console(markup=False, highlight=False, soft_wrap=True).print(OmegaConf.to_yaml(cfg))
        return
    job = build_preparation(cfg, write_contact_sheet)
    folder = job.preparation.folder
    folder.check(job.arguments)
    if job.manner.dry_run:
        plan = _planned(job)
        Console().print(planned_table(plan.tasks, plan.done))
        _end(len(plan.skipped), "would be skipped")
        return
    with folder.held(job.arguments):
        plan = _planned(job)
        configs = _configs(job, plan)
        skipped = _prepare(job, plan)
    _say_what_there_is(job, plan, configs)
    _end(len(plan.skipped) + len(skipped), "couldn't be used")


def _planned(job: Job) -> Plan:
    plan = job.preparation.plan()
    tell_skipped(plan.skipped)
    if job.manner.strict and plan.skipped:
        raise Skipped(plan.skipped[0])
    if plan.unlisted:
        log.info("left out: %d subjects that no list of split names", plan.unlisted)
    done = len(plan.tasks) - len(plan.missing)
    before = f", {done} done before" if done else ""
    subjects = len({task.patient for task in plan.tasks})
    log.info("%d volumes of %d subjects%s", len(plan.tasks), subjects, before)
    return plan


def _prepare(job: Job, plan: Plan) -> list[Outcome]:
    """Does what is missing, then writes manifest and overview; gives what was skipped."""
    skipped: list[Outcome] = []
    running = job.preparation.run(plan, job.manner.workers)
    for outcome in followed(running, len(plan.missing)):
        if outcome.problem:
            skipped.append(outcome)
            if job.manner.strict:
                raise Skipped(outcome.line)
    folder = job.preparation.folder
    rows = folder.done().values()
    unusable = anonymous(skipped)
    write_manifest(
        folder.path, manifest(job.arguments, rows, plan.splits, unusable, len(plan.skipped))
    )
    overview = folder.path / "overview.html"
    # it opens every file: a call that adds none is over in seconds
    if rows and (plan.missing or not overview.exists()):
        write_overview(folder.path, overview)
    return skipped


def _configs(job: Job, plan: Plan) -> dict[Path, str]:
    """The config files asked for, whose names are free."""
    name = job.manner.site_config
    files = config_files(name, _roots(job, plan)) if name else {}
    refuse_taken(CONF, files)
    return files


def _roots(job: Job, plan: Plan) -> dict[str, Path]:
    """Label and folder of each site."""
    path = job.preparation.folder.path
    return {task.site: path / task.found.site for task in plan.tasks}


def _say_what_there_is(job: Job, plan: Plan, configs: Mapping[Path, str]) -> None:
    folder, console = job.preparation.folder, Console(soft_wrap=True, highlight=False)
    rows = folder.done()
    console.print(prepared_table(plan.tasks, rows))
    _warn_of_crops(rows)
    _warn_of_empty_splits(plan, rows)
    if not rows:
        raise DataLayoutError(f"output={folder.path}: no volume could be prepared.")
    console.print(f"look at it: {folder.path / 'overview.html'}", markup=False)
    name = job.manner.site_config
    if name:
        write_configs(CONF, configs)
        console.print(f"train on it: {training_words(name, CONF)}", markup=False)
        return
    for label, root in _roots(job, plan).items():
        console.print(
            f"\nconf/site/NAME.yaml, for {label}:\n{site_yaml(label, root)}", markup=False
        )


def _warn_of_crops(rows: Mapping[str, Mapping[str, Any]]) -> None:
    cut = [volume for volume, row in rows.items() if row["foreground_cut"] > 0.01]
    if cut:
        log.warning(
            "the crop cut off more than 1 %% of the foreground of %d volumes, such as %s; a larger "
            "size keeps it",
            len(cut), cut[0],
        )  # fmt: skip


def _warn_of_empty_splits(plan: Plan, rows: Mapping[str, object]) -> None:
    there = Counter(task.split for task in plan.tasks if task.volume in rows)
    if empty := [split for split in SPLITS if not there[split]]:
        log.warning("no volume in %s", " and ".join(empty))


def _end(count: int, what: str) -> None:
    if count:
        raise Skipped(f"{count} of the files or volumes {what}; the lines above say why.")
