"""When two configs are one experiment: a hash of what can change a run's numbers."""

import re
from hashlib import blake2b
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from flmrcm.config.migration import restore_first_names
from flmrcm.config.sites import choose_participants, choose_target
from flmrcm.errors import ConfigErrors

_NAME = re.compile(r"\w[\w.-]*")
_MOST_LETTERS = 100

UNSCIENTIFIC = (
    "hydra", "name", "method", "scenario", "logger", "compute", "engine", "keep_every", "resume",
    "searchpath", "accept_lost_journal",
)  # fmt: skip
"""Keys that may differ between two runs of one experiment without changing its numbers."""

_LATER: dict[str, Any] = {
    "robust": {
        "quorum": None, "timeout": None, "bench_after": None, "bench_for": 5,
        "norm_factor": None, "largest_reply": None,
    },
    "loss": {"_target_": "flmrcm.learning.losses.L1"},
    "metrics": {
        name: {"_target_": f"flmrcm.learning.metrics.{name.upper()}"}
        for name in ("psnr", "ssim", "nmse")
    },
    "wire": {"_target_": "flmrcm.middleware.wire.Wire"},
    "reply_validation": {"_target_": "flmrcm.middleware.reply_validation.ReplyValidation"},
    "middleware": {}, "privacy": {}, "compression": {}, "secure_aggregation": {}, "private": [],
    "fairness": 1.0, "partial_fourier": None,
    "maps": {"_target_": "flmrcm.data.coil_maps.FromModel"},
    "aggregation": "mean", "faulty": 1, "target_failure": "abort", "policy": None,
    "phase_encoding": None, "norm": "instance", "lesions": None,
    "accumulate": 1, "schedule": "step", "warmup_rounds": 5, "schedule_rounds": None,
    "lowest_factor": 0.01, "ema": {"decay": None}, "early_stopping": {"patience": None},
    "augmentation": {},
}  # fmt: skip
"""Keys that came after the first runs, and the value that means what was so before them."""

_LATER_OF_SITES = {**_LATER, "loss": None}
"""The same below `sites`, where no loss means the run's."""

_MODL, _LATER_OF_MODL = "flmrcm.models.modl.MoDL", {**_LATER, "norm": "batch"}
"""The same of a model that had norms of another kind."""


def find_name_problems(name: object) -> list[str]:
    """Return a problem line for a name that can't be that of folders below outputs/."""
    text = "null" if name is None else str(name)
    parts = text.split("/")
    if name is not None and all(_NAME.fullmatch(p) and len(p) <= _MOST_LETTERS for p in parts):
        return []
    shown = text if len(text) < _MOST_LETTERS else f"{text[:20]}…"
    rule = f"letters, digits, _, - and ., at most {_MOST_LETTERS}; a / parts folders."
    return [f"name={shown}: {rule}"]


def hash_config(*, _root_: DictConfig) -> str:
    """Return 12 hex digits of the resolved config, leaving out what doesn't change the numbers.

    It's counted in the words of version 0.1.0, so that a sweep begun with it finds its runs.
    """
    kept = {
        str(key): _drop_paths(OmegaConf.to_container(value, resolve=True))
        if OmegaConf.is_config(value)
        else value
        for key, value in _root_.items()
        if key not in UNSCIENTIFIC
    }
    kept = restore_first_names(kept)
    rounding = kept.pop("engine", {}).get("wire", "fp32")
    kept = drop_later_keys(kept)
    if rounding != "fp32":
        kept["wire"] = rounding
    kept |= _list_roles(_root_)
    kept["precision"] = find_precision(_root_.compute)
    return blake2b(repr(sorted(kept.items())).encode(), digest_size=6).hexdigest()


def drop_later_keys(node: Any, later: dict[str, Any] = _LATER) -> Any:
    """Drop what is as it was before there was a key for it, so that older runs stay the same."""
    if not isinstance(node, dict):
        return node
    later = _LATER_OF_MODL if node.get("_target_") == _MODL else later
    inner = {
        key: drop_later_keys(value, _LATER_OF_SITES if key == "sites" else later)
        for key, value in node.items()
    }
    return {k: value for k, value in inner.items() if k not in later or value != later[k]}


def find_precision(compute: DictConfig) -> str:
    """Return a run's precision; a device that isn't there is told by the check."""
    if compute.precision != "auto":
        return compute.precision
    # only here: it loads torch, for which no other word has to wait
    from flmrcm.learning.compute import Compute

    try:
        return Compute(compute.accelerator, precision=compute.precision).precision
    except ConfigErrors:
        return compute.precision


def _list_roles(cfg: DictConfig) -> dict[str, Any]:
    """Return who trains, and the target unless nothing depends on it."""
    try:
        participants, target = choose_participants(cfg), choose_target(cfg.target, cfg)
        aligned = get_object(cfg.strategy["_target_"]).needs_target
    except (ConfigErrors, ImportError, AttributeError, ValueError):
        return {}  # the check that comes before any run says what is wrong
    told = target if aligned or target not in participants else None
    return {"participants": participants, "target": told}


def _drop_paths(node: Any) -> Any:
    """Drop where data are cached: that changes no number."""
    if not isinstance(node, dict):
        return node
    places = ("cache", "simulated")
    return {key: _drop_paths(value) for key, value in node.items() if key not in places}
