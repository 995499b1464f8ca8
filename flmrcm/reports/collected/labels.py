"""Labels of runs in one table: the method's name, and the settings in which the runs differ."""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from flmrcm.config.identity import drop_later_keys
from flmrcm.learning.records import PERSONAL

RunKey = TypeVar("RunKey", bound=Hashable)

_MAX_SHOWN = 3
_CLASS_KEY = "_target_"
_IGNORED_KEYS = (
    "seed", "name", "logger", "compute", "engine", "keep_every", "resume", "method", "scenario",
    "strategy.name", "test.saved_volumes", "evaluate", "accept_lost_journal", "searchpath",
)  # fmt: skip
LOCATION_KEYS = ("cache", "folder", "root", "data_dir")
"""Paths differ between machines; whether the data differ is in the fingerprints: `tell_data`."""
_COUNTED_KEY = "compute.precision"
"""What changes numbers below a key that doesn't count."""
_START_KEY = "init_from"


def describe_differences(
    configs: Mapping[RunKey, Mapping[str, Any]],
    below: Sequence[str] = (),
    ignored: Sequence[str] = (),
) -> dict[RunKey, str]:
    """Return for each run the settings in which the runs differ: `target=sim_b`, `model=UNet`.

    Seeds, and other keys that change no method, don't count. Three are shown, or as many as tell
    apart all runs that differ.

    Args:
        configs: by run; compared with each other.
        below: only these top-level keys count; empty means all.
        ignored: more keys that don't count.
    """
    keys = find_differing_keys(configs, below, ignored)
    settings = {run: _list_telling_settings(config) for run, config in configs.items()}
    # a run from before there was a key has the value that other runs state needlessly
    usual = {
        key: value
        for run, config in configs.items()
        for key, value in list_settings(config)
        if key not in settings[run]
    }
    stated = {run: {**usual, **own} for run, own in settings.items()}
    shown = _choose_telling(keys, list(settings.values()))
    more = f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else ""
    texts = {key: _format_values(key, list(stated.values())) for key in shown}
    return {
        run: ", ".join(texts[key][repr(own.get(key))] for key in shown) + more
        for run, own in stated.items()
    }


def find_differing_keys(
    configs: Mapping[RunKey, Mapping[str, Any]],
    below: Sequence[str] = (),
    ignored: Sequence[str] = (),
) -> list[str]:
    """Return the full keys in which configs differ; arguments as for `describe_differences`.

    What another class brings along isn't a difference of its own: the width of a model that has
    none, where the models are of other classes. Nor is a key that came after a run was made, while
    it means what was so before; nor the runs that seeds began from, where each seed has its own and
    the files have one name.
    """
    settings = [_list_telling_settings(config) for config in configs.values()]
    skipped = (*_IGNORED_KEYS, *ignored)
    keys = [
        key
        for key in dict.fromkeys(key for own in settings for key in own)
        if (key == _COUNTED_KEY or not _lies_below(key, skipped))
        and key.rsplit(".", 1)[-1] not in LOCATION_KEYS
        and (not below or key.split(".")[0] in below)
        and _count_apart([key], settings) > 1
        and not (key == _START_KEY and _follows_seeds(key, settings))
    ]
    classes = [key for key in keys if key.endswith(_CLASS_KEY)]
    return [key for key in keys if not any(_comes_with(key, own, settings) for own in classes)]


def _list_telling_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return dict(list_settings(drop_later_keys(config)))


def _lies_below(key: str, nodes: Sequence[str]) -> bool:
    return any(key == node or key.startswith(f"{node}.") for node in nodes)


def _follows_seeds(key: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether each seed has one value of a key, a file, and all files have one name."""
    one_each = _count_apart(["seed", key], settings) == _count_apart(["seed"], settings)
    return one_each and len({str(own.get(key)).rsplit("/", 1)[-1] for own in settings}) == 1


def _comes_with(key: str, of_class: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a key lies beside that of a class and differs only as the classes do."""
    beside = key != of_class and key.startswith(of_class.removesuffix(_CLASS_KEY))
    return beside and _count_apart([of_class, key], settings) == _count_apart([of_class], settings)


def _choose_telling(keys: Sequence[str], settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys that tell all differing runs apart, and the first others up to a few."""
    telling = list[str]()
    for key in keys:
        if _count_apart([*telling, key], settings) > _count_apart(telling, settings):
            telling.append(key)
    others = [key for key in keys if key not in telling]
    chosen = {*telling, *others[: max(0, _MAX_SHOWN - len(telling))]}
    return [key for key in keys if key in chosen]


def _count_apart(keys: Sequence[str], settings: Sequence[Mapping[str, Any]]) -> int:
    """Return how many different values these keys have together."""
    return len({tuple(repr(own.get(key)) for key in keys) for own in settings})


def _format_values(key: str, settings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return `key=value` of each value, by its repr; as short as still tells them apart."""
    values = {repr(own.get(key)): own.get(key) for own in settings}
    for form in (shorten_value, str, repr):
        texts = {name: form(value) for name, value in values.items()}
        if len({*texts.values()}) == len(values):
            break
    return {name: f"{key.removesuffix(f'.{_CLASS_KEY}')}={text}" for name, text in texts.items()}


def tell_weights(
    weights: Mapping[RunKey, Mapping[str, str]], labels: Mapping[RunKey, str]
) -> dict[RunKey, str]:
    """Return for each run whose weights were tested, where runs of one label differ in that.

    Empty otherwise. A mean over scores of global and of personal weights would be of no method.

    Args:
        weights: global | personal, of each site that was tested, by run.
        labels: of the runs so far.
    """
    own = {run: sorted(s for s, kind in of_run.items() if kind == PERSONAL)
           for run, of_run in weights.items()}  # fmt: skip
    told = dict.fromkeys(weights, "")
    for label in set(labels.values()):
        alike = [run for run in weights if labels[run] == label]
        kinds: dict[str, set[str]] = {}
        for site, kind in (pair for run in alike for pair in weights[run].items()):
            kinds.setdefault(site, set()).add(kind)
        if not any(len(of_site) > 1 for of_site in kinds.values()):
            continue
        one_way = len({tuple(own[run]) for run in alike} - {()}) < 2
        for run in alike:
            where = "" if one_way else f" at {', '.join(own[run])}"
            told[run] = f"personal weights{where}" if own[run] else "global weights"
    return told


def tell_participants(
    trained: Mapping[RunKey, Sequence[str]],
    shown_at: Mapping[RunKey, Collection[str]],
    labels: Mapping[RunKey, str],
) -> dict[RunKey, str]:
    """Return for each run who trained, where runs of one label differ in that at one site.

    Empty otherwise: a method that was run once for each target has other participants each time,
    but then each of its runs is shown at its own target.

    Args:
        trained: the sites that trained, by run.
        shown_at: the sites that a run is shown at.
        labels: of the runs so far.
    """
    groups: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for run, sites in shown_at.items():
        for site in sites:
            groups.setdefault((labels[run], site), set()).add(tuple(sorted(trained[run])))
    mixed = {label for (label, _), sets in groups.items() if len(sets) > 1}
    return {
        run: f"participants={', '.join(sorted(own))}" if labels[run] in mixed else ""
        for run, own in trained.items()
    }


def tell_data(
    prints: Mapping[RunKey, Mapping[str, str]], labels: Mapping[RunKey, str]
) -> dict[RunKey, str]:
    """Return for each run the fingerprints of its sites' data, where runs of one label differ so.

    Empty otherwise: a mean over runs that had 10 and 100 people to train on would be of no method.
    What isn't known differs from nothing.

    Args:
        prints: of the sites that trained or are shown, by run; sites without one are left out.
        labels: of the runs so far.
    """
    told = dict.fromkeys(prints, "")
    for label in set(labels.values()):
        alike = {run: own for run, own in prints.items() if labels[run] == label}
        known: dict[str, set[str]] = {}
        for site, value in (pair for own in alike.values() for pair in own.items()):
            known.setdefault(site, set()).add(value)
        unlike = sorted(site for site, values in known.items() if len(values) > 1)
        shown = _choose_telling(unlike, list(alike.values()))
        for run, own in alike.items():
            told[run] = ", ".join(f"data of {site}={own.get(site, 'unknown')}" for site in shown)
    return told


def format_label(name: str, differences: str) -> str:
    """Return a name, with its differences in brackets if there are any."""
    return f"{name} ({differences})" if differences else name


def list_settings(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting of a config by its full key, such as `mask.seed`."""
    if not isinstance(node, Mapping):
        yield prefix.rstrip("."), node
        return
    for key, value in node.items():
        yield from list_settings(value, f"{prefix}{key}.")


def shorten_value(value: Any) -> str:
    """Return a value as labels show it; of a dotted path that is the last part."""
    return str(value).rsplit(".", 1)[-1] if isinstance(value, str) else str(value)


def merge_notes(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield each text once, after the names of all sites or methods that it is about."""
    names: dict[str, dict[str, None]] = {}
    for name, text in lines:
        names.setdefault(text, {})[name] = None
    for text, of_text in names.items():
        yield f"{', '.join(of_text)}: {text}"
