"""From typed words and a checkpoint to what reconstructs scans; all problems come together."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.check import build_loading
from flmrcm.config.learner import build_learner
from flmrcm.config.run_config import overlay_words
from flmrcm.config.sites import choose_sites, list_site_nodes, list_split_sites
from flmrcm.config.words import parse_word
from flmrcm.data.phase_encoding import PHASE_ENCODINGS
from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.files import expand_home
from flmrcm.mri.masks import Mask
from flmrcm.runs.opened_checkpoint import OpenedCheckpoint, open_checkpoint
from flmrcm.runs.reconstruction import ScanReconstruction
from flmrcm.runs.scan_images import FORMATS
from flmrcm.runs.scans import ScanReading
from flmrcm.strategies.base import Strategy

_NOBODY = ""


def prepare_reconstruction(asked: DictConfig, words: Sequence[str]) -> ScanReconstruction:
    """Return what reconstructs scans, checked.

    Args:
        asked: `flmrcm reconstruct`'s own keys.
        words: of training, laid over the checkpoint's config.

    Raises:
        ConfigErrors: all problems together.
        CheckpointError: the file can't be read, holds another model's weights, or lacks a site's.
    """
    opened = open_checkpoint(expand_home(asked.checkpoint), asked.trust)
    base = opened.config.copy()
    base.init_from = None  # the checkpoint holds every weight, or else a site does
    cfg, builder = overlay_words(base, words), Builder()
    builder.problems += _find_word_problems(asked, cfg)
    site = builder.attempt("site", lambda: _choose_site(asked.site, opened, cfg)) or _NOBODY
    cfg = _see_as_site(cfg, site, words)
    compute, module, _ = build_learner(cfg, builder)
    loading = build_loading(_without_sites(cfg), builder, module)
    reading = _build_reading(asked, cfg, builder, site, words)
    strategy = (
        builder.build("strategy", cfg.strategy, Strategy)
        if site in opened.list_personal_sites() or opened.private
        else None
    )
    builder.raise_if_any()
    assert compute is not None and module is not None and loading is not None  # noqa: S101, PT018
    if strategy is not None and opened.private:
        opened.load_personal(module.model, strategy, site)
    elif strategy is not None and strategy.trains_personal:
        opened.load_tested(module.model, strategy, site)
    else:
        opened.load_shared(module.model)
    made = opened.describe(module.model, site)
    settings = _list_settings(made, reading, cfg)
    return ScanReconstruction(compute, module, reading, loading, asked.format, made, settings)


def _find_word_problems(asked: DictConfig, cfg: DictConfig) -> list[str]:
    axis = asked.phase_encoding or "null"
    return [
        *check_choice("format", asked.format, list(FORMATS)),
        *check_choice("coils", cfg.coils, ("single", "multi", "auto")),
        *check_choice("phase_encoding", axis, (*PHASE_ENCODINGS, "null")),
    ]


def _choose_site(name: Any, opened: OpenedCheckpoint, cfg: DictConfig) -> str:
    """Return the site whose weights and masks are used; nobody's where none is named.

    Raises:
        ConfigErrors: the run has none of that name, or one has to be named.
    """
    if name is not None:
        site, *more = choose_sites("site", str(name), cfg)
        if more:
            raise ConfigErrors([f"site={name}: name one site."])
        return site
    if opened.private:
        sites = opened.list_personal_sites()
        raise ConfigErrors(
            [
                f"site: {opened.path} lacks weights that stayed at the sites "
                f"({next(iter(opened.private))}, …); name the site whose are used: site="
                f"{' or site='.join(sites) or '… (no site has any)'}."
            ]
        )
    return _NOBODY


def _see_as_site(cfg: DictConfig, site: str, words: Sequence[str]) -> DictConfig:
    """Return the config with what a site says of its own data, except where it's typed."""
    seen, node = cfg.copy(), list_site_nodes(cfg).get(site) or {}
    for key in ("mask", "coils"):
        if node.get(key) is not None and not _is_typed(key, words):
            seen[key] = node[key]
    return seen


def _without_sites(cfg: DictConfig) -> DictConfig:
    """Return the config without the sites it was trained on, whose masks don't matter here."""
    alone = cfg.copy()
    alone.sites = {}
    return alone


def _build_reading(
    asked: DictConfig, cfg: DictConfig, builder: Builder, site: str, words: Sequence[str]
) -> ScanReading:
    own_axis = (list_site_nodes(cfg).get(site) or {}).get("phase_encoding")
    return ScanReading(
        site=list_split_sites(cfg).get(site, (site,))[0],
        mask=builder.build("mask", cfg.mask, Mask),
        keeps_own=not _is_typed("mask", words),
        coils=cfg.coils,
        phase_encoding=asked.phase_encoding or own_axis,
    )


def _is_typed(key: str, words: Sequence[str]) -> bool:
    places = [parts.place for word in words if (parts := parse_word(word))]
    return any(place == key or place.startswith(f"{key}.") for place in places)


def _list_settings(
    made: Mapping[str, Any], reading: ScanReading, cfg: DictConfig
) -> dict[str, Any]:
    """Return all that changes an image, plain; another version goes on where this one stopped."""
    return {
        **{key: value for key, value in made.items() if key != "made_by"},
        "keeps_own_sampling": reading.keeps_own,
        "phase_encoding": reading.phase_encoding,
        "resolution": cfg.data.resolution,
        "precision": cfg.compute.precision,
        **{key: to_plain(cfg.get(key)) for key in ("model", "mask", "coils", "maps")},
    }
