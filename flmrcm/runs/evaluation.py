"""Testing a checkpoint, of ours or of others, under typed conditions."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.check import build_sites
from flmrcm.config.compose import gather_problems
from flmrcm.config.learner import build_learner
from flmrcm.config.run_config import overlay_words
from flmrcm.config.sites import choose_sites
from flmrcm.data.site import Site
from flmrcm.data.source import SPLITS
from flmrcm.errors import CheckpointError, ConfigErrors, DataLayoutError, check_choice
from flmrcm.federation.site_facts import check_scored, find_size_problems
from flmrcm.files import expand_home
from flmrcm.learning.compute import Compute
from flmrcm.learning.metrics import describe_metrics
from flmrcm.learning.module import ReconModule
from flmrcm.learning.records import GLOBAL, NO_WEIGHTS, PERSONAL
from flmrcm.learning.scoring import Evaluator
from flmrcm.logs import log_warnings_only
from flmrcm.mri.masks import FileMask
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.kept_images import choose_keeping, find_keeping_problems
from flmrcm.runs.opened_checkpoint import OpenedCheckpoint, open_checkpoint
from flmrcm.runs.testing import CheckpointTest, describe_weights
from flmrcm.strategies.base import Strategy
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.types import Weights

log = logging.getLogger(__name__)

_MEASURED = f"{FileMask.__module__}.{FileMask.__qualname__}"


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint and the conditions it's tested under, checked; no data has been touched.

    Attributes:
        config: the run's own, typed words laid over it.
        asked: `flmrcm evaluate`'s own keys.
        method: how tables call the checkpoint.
        compute: device and arithmetic.
        module: the learner with the checkpoint's weights.
        sites: those to be tested, by name.
        opened: the checkpoint.
        strategy: chooses each site's own weights; None tests all with the checkpoint's.
    """

    config: DictConfig
    asked: DictConfig
    method: str
    compute: Compute
    module: ReconModule
    sites: dict[str, Site]
    opened: OpenedCheckpoint
    strategy: Strategy | None

    def run(self, path: Path) -> None:
        """Test every site, and keep scores and what was asked to be saved in a folder.

        Raises:
            DataLayoutError: no site has the split, or a target of it can't be scored against.
            ConfigErrors: images of a size that the model or the scores can't take.
        """
        for site in self.sites.values():
            site.ensure()
        if not any(site.has(self.asked.split) for site in self.sites.values()):
            split = self.asked.split
            raise DataLayoutError(
                f"no site has a split '{split}' to be tested on; check data_dir and contrast."
            )
        self._check_data()
        folder = RunFolder(path)
        folder.write_config({**to_plain(self.config), "evaluate": to_plain(self.asked)})
        keep = choose_keeping(self.asked.format, _list_kinds(self.asked), self._describe_images)
        test = CheckpointTest(self.method, self.asked.split, keep)
        unscored = test.list_unscored(self.sites)
        for name, why in unscored.items():
            log.warning("site %s: %s", name, why)
        evaluator, used = Evaluator(self.compute), dict[str, str]()
        for _, name, _, weights in test.run(evaluator, self.module, self.sites, path, self.load):
            if weights == NO_WEIGHTS:
                log.info("tested: %s", name)
            else:
                used[name] = weights
        prints = {name: site.fingerprint() for name, site in self.sites.items()}
        more = {**self._describe(used), "not_scored": unscored}
        more = {"device": self.compute.device_name, **{k: v for k, v in more.items() if v}}
        folder.write_environment(site_fingerprints=prints, **more)
        folder.write_metrics(describe_metrics(self.module.metrics))
        folder.mark_done()

    def _check_data(self) -> None:
        """Raise an error for what would be found in the middle of the test."""
        split, problems = self.asked.split, list[str]()
        for name, site in self.sites.items():
            if site.has(split):
                site.check_masks(split)
                check_scored(site, split)
                site.prepare_maps(split)
                sizes = site.list_image_sizes(split)
                problems += find_size_problems(name, sizes, self.module.model)
        if problems:
            raise ConfigErrors(sorted(set(problems)))

    @cached_property
    def _initial(self) -> Weights:
        """The run's initial values of private weights."""
        return {
            name: tensor.clone()
            for name, tensor in self.module.model.state_dict().items()
            if name in self.opened.private
        }

    def load(self, site: str) -> str:
        """Load what a site is tested with, and return whose weights these are.

        Raises:
            CheckpointError: it has weights of its own, and they aren't beside the checkpoint.
        """
        if self.strategy is None:
            return GLOBAL
        # the sites share the model: what one left there must not be tested at the next
        self.module.model.load_state_dict(self._initial, strict=False)
        try:
            own = self.opened.load_tested(self.module.model, self.strategy, site)
        except CheckpointError as error:
            line = "weights=global tests every site with the weights that all share."
            raise CheckpointError(f"{error} {line}") from None
        return PERSONAL if own else GLOBAL

    def _describe_images(self, site: str) -> dict[str, Any]:
        """Return what a site's images say of what made them."""
        shared = {} if self.asked.weights == "own" else {"weights": GLOBAL}
        return {**self.opened.describe(self.module.model, site), **shared}

    def _describe(self, used: Mapping[str, str]) -> dict[str, Any]:
        """Return whose weights were used, and what these took, as tables say it."""
        personal = self.opened.trained is not None and _trains_personal(self.opened.config)
        own = [site for site, weights in used.items() if weights == PERSONAL]
        return {
            "tested_with": describe_weights(list(self.opened.private), personal, used),
            "personal_training": self.opened.count_personal_training(own) if own else {},
        }


def evaluate(
    jobs: Sequence[tuple[DictConfig, Sequence[str]]], folder: Path, numbered: bool
) -> None:
    """Test checkpoints under typed conditions, once all of them are checked.

    Args:
        jobs: `flmrcm evaluate`'s own keys, and words of training for each.
        folder: where scores go.
        numbered: give each job a folder of its own in it.

    Raises:
        ConfigErrors: the problems of all jobs together.
        CheckpointError: a file can't be read, or holds another model's weights.
    """
    if len(jobs) > 1:
        with log_warnings_only():
            gather_problems([lambda job=job: prepare_evaluation(*job) and None for job in jobs])
    for number, (asked, words) in enumerate(jobs, 1):
        if numbered:
            log.info("%d of %d: %s %s", number, len(jobs), asked.checkpoint, " ".join(words))
        place = folder / f"{number:03d}" if numbered else folder
        prepare_evaluation(asked, words).run(place)


def prepare_evaluation(asked: DictConfig, words: Sequence[str]) -> Evaluation:
    """Return a checkpoint's test, checked.

    Args:
        asked: `flmrcm evaluate`'s own keys.
        words: of training, laid over the checkpoint's config.

    Raises:
        ConfigErrors: all problems together.
        CheckpointError: the file can't be read, or holds another model's weights.
    """
    opened = open_checkpoint(expand_home(asked.checkpoint), asked.trust)
    path, private, base = opened.path, opened.private, opened.config.copy()
    if not private:
        base.init_from = None  # the checkpoint holds every weight
    cfg, builder = _use_typed_mask(overlay_words(base, words), words), Builder()
    builder.problems += check_choice("split", asked.split, SPLITS)
    builder.problems += check_choice("weights", asked.weights, ("own", GLOBAL))
    builder.problems += find_keeping_problems(asked.format, _list_kinds(asked))
    compute, module, _ = build_learner(cfg, builder)
    sites = build_sites(cfg, builder, module)
    names = builder.attempt("test_sites", lambda: choose_sites("test_sites", asked.test_sites, cfg))
    builder.raise_if_any()
    assert compute is not None and module is not None  # noqa: S101, PT018  # else a problem was
    opened.load_shared(module.model)
    strategy = _build_strategy(opened) if asked.weights == "own" else None
    if private and strategy is None:
        log.info("%s holds no private weights; every site is tested with the initial ones.", path)
    method = path.stem if opened.trained is None else cfg.get("method") or cfg.strategy.name
    chosen = {name: sites[name] for name in names or ()}
    prepared = Evaluation(cfg, asked, str(method), compute, module, chosen, opened, strategy)
    for name in chosen:
        prepared.load(name)  # what isn't there is said before any slice is read
    return prepared


def _use_typed_mask(cfg: DictConfig, words: Sequence[str]) -> DictConfig:
    """Return a config in which a typed mask is that of every site that doesn't have one typed.

    What a site's files were measured with stays: no other mask can be laid over that.
    """
    keys = [word.partition("=")[0].lstrip("+") for word in words]
    if any(key == "mask" or key.startswith("mask.") for key in keys):
        for name, node in cfg.sites.items():
            measured = node.mask and node.mask.get("_target_") == _MEASURED
            if not measured and not any(f"sites.{name}.mask" in key for key in keys):
                node.mask = None
    return cfg


def _build_strategy(opened: OpenedCheckpoint) -> Strategy | None:
    """Return what chooses a site's own weights; None where a run's sites have none."""
    if not opened.private and (opened.trained is None or not _trains_personal(opened.config)):
        return None
    return Builder().build("strategy", opened.config.strategy, Strategy) or FedAvg()


def _trains_personal(cfg: DictConfig) -> bool:
    try:
        return getattr(get_object(cfg.strategy._target_), "trains_personal", False)
    except Exception:  # a class of somebody else's package; its weights can be tested without it
        return False


def _list_kinds(asked: DictConfig) -> list[str]:
    return [asked.save] if isinstance(asked.save, str) else list(asked.save or ())
