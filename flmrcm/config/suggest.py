"""The word that was meant: what other programs call a key, and the nearest of those there are."""

from collections.abc import Iterable, Mapping, Sequence

from flmrcm.errors import find_nearest, suggest_nearest

KEY_SYNONYMS: Mapping[str, Sequence[str]] = {
    "amp": ("compute.precision=bf16-mixed",),
    "batch": ("local.batch_size",),
    "bs": ("local.batch_size",),
    "challenge": ("coils",),
    "checkpoint": ("init_from", "resume"),
    "client_fraction": ("participation",),
    "clients": ("participants",),
    "cpu": ("compute=cpu",),
    "cuda": ("compute=gpu", "compute.device"),
    "data_path": ("data_dir",),
    "dataset": ("sites", "data_dir"),
    "epochs": ("rounds", "local.epochs"),
    "gpu": ("compute=gpu", "compute.device"),
    "gpus": ("compute=gpu", "engine.gpus_per_site"),
    "gradient_clip": ("local.clip_norm",),
    "hospitals": ("sites", "participants"),
    "lambda": ("strategy.weight",),
    "learning_rate": ("local.optimizer.lr",),
    "local_bs": ("local.batch_size",),
    "local_ep": ("local.epochs",),
    "lr_gamma": ("local.decay_factor",),
    "lr_step_size": ("local.decay_every",),
    "momentum": ("+local.optimizer.momentum",),
    "num_rounds": ("rounds",),
    "num_users": ("participants",),
    "num_workers": ("compute.workers",),
    "optim": ("local.optimizer._target_",),
    "output": ("name",),
    "output_dir": ("name",),
    "pretrained": ("init_from",),
    "save_dir": ("name",),
    "sequence": ("contrast",),
    "site": ("sites", "+site@sites.NAME=FILE"),
    "test_dataset": ("target",),
    "train_dataset": ("participants",),
    "warm_start": ("init_from",),
}
"""What is a key elsewhere, in the published code too, and what to type for it here."""

OPTION_SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "compute": {"cuda": "gpu", "none": "cpu"},
    "debug": {"true": "tiny", "1": "tiny"},
    "engine": {"flwr": "flower", "local": "in_process", "nvidia": "nvflare"},
    "logger": {"none": "csv", "null": "csv"},
    "loss": {"mae": "l1", "mse": "l2"},
    "maps": {"learned": "sense_net", "walsh": "adaptive", "stored": "file", "own": "file"},
    "mask": {
        "cartesian": "random",
        "gaussian": "gaussian_1d",
        "uniform": "equispaced",
        "poisson_disc": "poisson",
        "poisson_disk": "poisson",
        "vdpd": "poisson",
    },
    "model": {"d5c5": "cascade", "dc_cnn": "cascade", "e2e_varnet": "varnet", "u_net": "unet"},
    "sites": {"paper": "bfhi", "published": "bfhi"},
    "strategy": {"adversarial": "fl_mrcm", "fed_avg": "fl_mr", "fedavg": "fl_mr"},
}
"""Options by the names that others give them: group → word → option."""

_MOST_SUGGESTIONS, _ALIKE = 3, 0.6


def suggest_key(key: str, keys: Iterable[str]) -> str:
    """Return `` Did you mean …?`` for a key there isn't, or an empty string.

    Args:
        key: as typed, with dots.
        keys: those there are.
    """
    known = [name for name in keys if name != key]
    last = _last_part(key)
    meant = KEY_SYNONYMS.get(last.casefold().replace("-", "_"))
    meant = meant or [name for name in known if _last_part(name) == last]
    if 0 < len(meant) <= _MOST_SUGGESTIONS:
        return f" Did you mean {' or '.join(repr(word) for word in meant)}?"
    by_last = {_last_part(name): name for name in reversed(known)}
    nearest = find_nearest(key, known, _ALIKE)
    nearest = nearest or by_last.get(find_nearest(last, by_last, _ALIKE) or "")
    return f" Did you mean '{nearest}'?" if nearest else ""


def suggest_option(group: str, option: str, options: Iterable[str]) -> str:
    """Return `` Did you mean …?`` for an option that a group doesn't offer, or an empty string."""
    synonyms = OPTION_SYNONYMS.get(group.split("@")[0], {})
    meant = synonyms.get(option.casefold().replace("-", "_"), option)
    return suggest_nearest(meant, options)


def _last_part(key: str) -> str:
    return key.rsplit(".", 1)[-1]
