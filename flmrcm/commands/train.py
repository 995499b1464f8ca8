"""`flmrcm train`: one run, a resumed run, or one job of a multirun."""

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from flmrcm.assembly.checking import Gathering
from flmrcm.assembly.compose import conf_dir, jobs, translated
from flmrcm.assembly.federation import Parts, build_federation, check, prepare_data
from flmrcm.errors import FlmrcmError
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.federation.journal import Journal, Tracker
from flmrcm.learning.judge import Judge
from flmrcm.logs import log_to_file
from flmrcm.reports.error_maps import draw_panel
from flmrcm.reports.tables import read_score_file, terminal_table
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.judgement import Judgement, as_rows
from flmrcm.runs.resume import is_resume, resumed
from flmrcm.tracking.live import Live
from flmrcm.tracking.run_info import RunInfo

log = logging.getLogger(__name__)


HELP = """usage: flmrcm train [-m] [KEY=VALUE | GROUP=NAME ...]

Trains a federation, judges it on every site's test volumes, and keeps all in outputs/NAME/….

what to choose                                                  files in conf/
  sites=simulated | bfhi | iid            which institutions there are
  strategy=fl_mr | fl_mrcm | fl_mrcm_latent | fedprox | scaffold
  target=SITE participants=[SITE,...]     whom the others align with; who trains
  mask=random | equispaced | random_bernoulli | equispaced_offset
  experiment=demo | published/fl_mr | published/fl_mrcm
  debug=tiny                              does everything run? seconds
  compute=auto | cpu | gpu                logger=default | csv | tensorboard | wandb

often changed
  rounds=50 seed=1 contrast=T1            'mask.accelerations=[4]' model.channels=32
  local.epochs=2 local.batch_size=16      local.optimizer.lr=1e-4
  data_dir=FOLDER sites.brats.root=FOLDER init_from=FILE

many runs, and going on
  flmrcm train -m strategy=fl_mr,fl_mrcm target=sim_b,sim_h seed=1,2,3
  flmrcm train resume=outputs/train/… rounds=80

  --cfg job                               print the whole config and do nothing

Quote arguments that hold brackets.
"""


def main(words: list[str]) -> None:
    """Checks every job the words stand for, then runs them."""
    asked, words = _flags(words)
    words = translated(words)
    if is_resume(words):
        cfg, folder = resumed(words)
        run(cfg, folder, resumes=True)
        return
    planned = jobs("train", words, asked.multirun)
    if asked.cfg:
        Console(markup=False, highlight=False, soft_wrap=True).print(OmegaConf.to_yaml(planned[0]))
        return
    for cfg in planned:
        parts = check(cfg)
        build_trackers(parts.config["logger"], run_info(parts, Path("outputs")))
    failures.clear()
    sys.argv = ["flmrcm train", *(["--multirun"] if asked.multirun else []), *words]
    start = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
    start(_job)()
    if failures:
        raise FlmrcmError("\n".join(failures))


def _flags(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="flmrcm train", add_help=False, allow_abbrev=False)
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--cfg", "-c", choices=["job"])
    parser.add_argument("words", nargs="*")
    asked = parser.parse_intermixed_args(words)
    return asked, asked.words


failures: list[str] = []
"""What went wrong in jobs of this process; the others still ran."""


def _job(cfg: DictConfig) -> None:
    hydra_cfg = HydraConfig.get()
    folder = RunFolder(Path(hydra_cfg.runtime.output_dir))
    in_sweep = hydra_cfg.mode == RunMode.MULTIRUN
    if in_sweep and folder.done:
        log.info("done before: %s", folder.path)
        return
    try:
        run(cfg, folder, resumes=in_sweep)
    except (FlmrcmError, OSError) as error:
        failures.append(f"{folder.path.name}: {error}" if in_sweep else str(error))
        log.debug("failed", exc_info=True)


def run(cfg: DictConfig, folder: RunFolder, resumes: bool) -> None:
    """Runs a training config in a folder, from its start or from its last whole round.

    Args:
        cfg: composed.
        folder: the run's.
        resumes: whether a run begun there may be gone on with.

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
        folder.mark_done(False)
        sites, target = ", ".join(parts.plan.participants), parts.strategy.target
        log.info("%s on %s; target %s; %s", parts.strategy.name, sites, target, folder.path)
        prepare_data(parts)
        _train_and_judge(parts, folder)
        folder.mark_done()
    Console().print(terminal_table(read_score_file(folder.scores_path)))


def _train_and_judge(parts: Parts, folder: RunFolder) -> None:
    journal = Journal(folder.path / "journal.csv")
    info = run_info(parts, folder.path)
    with ExitStack() as stack:
        live = stack.enter_context(Live(parts.plan.rounds, list(parts.plan.judged)))
        trackers = [live, *build_trackers(parts.config["logger"], info)]
        federation = build_federation(parts, folder.path, trackers, live)
        fabric_device = "gpu" if parts.compute.on_gpu else "cpu"
        prints = {name: site.fingerprint() for name, site in parts.sites.items()}
        folder.write_environment(prints, fabric_device)
        federation.run(parts.module.model.state_dict())
        panels = judge_run(parts, folder, trackers)
        rows = journal.read()
        for tracker in trackers:
            tracker.close(rows, panels)


def judge_run(parts: Parts, folder: RunFolder, trackers: Sequence[Tracker]) -> dict[str, Path]:
    """Judges the chosen checkpoint on every site's test split, and draws a panel for each."""
    settings = parts.config["test"]
    checkpoint = read_checkpoint(folder.path / "checkpoints" / f"{settings['checkpoint']}.pt")
    parts.module.model.load_state_dict(dict(checkpoint.weights))
    judgement = Judgement(parts.strategy.name, most=settings["saved_volumes"])
    journal, panels = Journal(folder.path / "journal.csv"), dict[str, Path]()
    training_first = sorted(parts.sites, key=lambda name: name not in parts.plan.judged)
    sites = {name: parts.sites[name] for name in training_first}
    judged = judgement.run(Judge(parts.compute), parts.module, sites, folder.path)
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
    config = parts.config
    accelerations = "+".join(f"{r:g}x" for r in config["mask"]["accelerations"])
    tags = [parts.strategy.name, f"target {parts.strategy.target}", accelerations]
    return RunInfo(
        folder, folder.name, config["name"], "train", [*tags, str(config["contrast"])], config
    )
