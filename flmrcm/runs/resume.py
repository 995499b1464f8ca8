"""Going on with a run: its own config, and what may be changed on the way."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from flmrcm.config.build import to_plain
from flmrcm.config.identity import find_precision
from flmrcm.config.run_config import complete_config, overlay_words, read_config
from flmrcm.config.words import read_value
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.federation.schedules import FOLLOWS_RUN
from flmrcm.files import expand_home
from flmrcm.reports.collected.labels import list_settings
from flmrcm.runs.folder import RunFolder

MAY_CHANGE = (
    "rounds", "compute", "logger", "keep_every", "searchpath", "data.cache", "engine.threads",
    "engine.actors", "engine.workers", "engine.gpus_per_site", "engine.federation",
    "engine.patience", "robust.quorum", "robust.timeout", "early_stopping", "accept_lost_journal",
)  # fmt: skip
"""Keys that a resumed run may change; anything else would make it another experiment."""

_STAYS = ("compute.precision",)
"""Keys below these that change numbers all the same."""


def compose_resumed(words: Sequence[str]) -> tuple[DictConfig, RunFolder]:
    """Return the config and folder of a run to go on with.

    Args:
        words: as typed; one is `resume=FOLDER`, the others change keys of `MAY_CHANGE`.

    Raises:
        ConfigErrors: another key would change; the keys are shown with both values.
        FlmrcmError: the folder holds no training.
    """
    folder = RunFolder(expand_home(str(read_value("resume", words))).resolve())
    begun = read_config(folder.path)
    if "evaluate" in begun:
        raise FlmrcmError(
            f"resume={folder.path}: holds an evaluation, and a training would overwrite it; start "
            "that anew."
        )
    try:
        own = complete_config(begun)
    except FlmrcmError as error:
        raise FlmrcmError(f"resume={folder.path}: {error}") from None
    changed = overlay_words(own, [word for word in words if not word.startswith("resume=")])
    for config in (own, changed):  # `auto` may be another one on this machine
        config.compute.precision = find_precision(config.compute)
    _refuse_changes(to_plain(own), to_plain(changed), folder)
    return changed, folder


def is_resume(words: Sequence[str]) -> bool:
    """Tell whether the words ask to go on with a run."""
    return read_value("resume", words) not in (None, "null", "")


def _refuse_changes(own: Mapping[str, Any], changed: Mapping[str, Any], folder: RunFolder) -> None:
    if others := {*own["sites"]} ^ {*changed["sites"]}:
        raise ConfigErrors(
            [
                f"sites: a run goes on with the sites it was begun with, not with or without "
                f"{', '.join(sorted(others))}; to train on with other sites, start a new run from "
                f"its weights: init_from={folder.path}/checkpoints/last.pt instead of resume=…."
            ]
        )
    before, after = dict(list_settings(own)), dict(list_settings(changed))
    problems = [
        f"{key}: the run was begun with {before.get(key)}, now {after.get(key)} is asked."
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key) and not _may_change(key)
    ]
    if before["rounds"] != after["rounds"] and _follows_run(own["local"]):
        problems.append(
            f"rounds: local.schedule={own['local']['schedule']} falls over the {before['rounds']} "
            "rounds the run was begun with; to add some, begin with local.schedule_rounds."
        )
    if problems:
        allowed = ", ".join(MAY_CHANGE)
        problems.append(
            f"resume: may change only {allowed}. Start a new run instead; "
            f"init_from={folder.path}/checkpoints/last.pt begins it with these weights."
        )
        raise ConfigErrors(problems)


def _follows_run(local: Mapping[str, Any]) -> bool:
    """Tell whether the learning rate of a round depends on how many there are."""
    return local.get("schedule") in FOLLOWS_RUN and local.get("schedule_rounds") is None


def _may_change(key: str) -> bool:
    named = any(key == allowed or key.startswith(f"{allowed}.") for allowed in MAY_CHANGE)
    return named and key not in _STAYS
