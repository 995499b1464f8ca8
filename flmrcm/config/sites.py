"""Which sites a config has, and which of them are meant: by name, by letter, by role."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from flmrcm.errors import ConfigErrors, suggest_nearest

MOST_SPLIT_SITES = 1000
"""The most sites that one data set may be split among."""


def list_site_nodes(cfg: DictConfig) -> dict[str, Any]:
    """Return each site's node by name; sites that one data set is split among share its node."""
    nodes = {str(name): node for name, node in cfg.sites.items() if OmegaConf.is_dict(node)}
    return nodes | dict.fromkeys(list_split_sites(cfg), (cfg.get("split") or {}).get("source"))


def choose_participants(cfg: DictConfig) -> list[str]:
    """Return the sites that train: `all`, `others` (all but the target), `target`, or those named.

    Raises:
        ConfigErrors: a name that is no site, or a word that needs a target without one.
    """
    word, target = cfg.participants, choose_target(cfg.target, cfg)
    if word not in ("others", "target"):
        return choose_sites("participants", None if word == "all" else word, cfg)
    if target is None:
        raise ConfigErrors([f"participants={word}: needs a target; give target=SITE."])
    return [name for name in list_site_names(cfg) if (name == target) == (word == "target")]


def choose_sites(key: str, value: Any, cfg: DictConfig) -> list[str]:
    """Return sites named in a list, or by letters in one word (`BFHI`); None gives all.

    Raises:
        ConfigErrors: a name that is no site, or no site at all.
    """
    names = list_site_names(cfg)
    if value is None:
        return names
    if isinstance(value, str):
        chosen = _choose_by_letter(value, cfg)
    else:
        chosen = [str(name) for name in (value if OmegaConf.is_list(value) else [value])]
    problems = [
        f"{key}={name}: no such site; use some of {', '.join(names)}.{suggest_nearest(name, names)}"
        for name in chosen
        if name not in names
    ]
    if not chosen:
        problems.append(f"{key}=[]: name at least one of {', '.join(names)}.")
    if problems:
        raise ConfigErrors(problems)
    return sorted(set(chosen))


def choose_target(value: Any, cfg: DictConfig) -> str | None:
    """Return the target's name; None where the config names none."""
    if value is None:
        return None
    chosen = choose_sites("target", value if isinstance(value, str) else [value], cfg)
    if len(chosen) != 1:
        raise ConfigErrors([f"target={value}: name one site."])
    return chosen[0]


def list_site_names(cfg: DictConfig) -> list[str]:
    """Return the names of all sites, sorted, with those that one data set is split among."""
    return sorted([*map(str, cfg.sites), *list_split_sites(cfg)])


def list_split_sites(cfg: DictConfig) -> dict[str, tuple[str, tuple[int, int]]]:
    """Return, for each site that one data set is split among: whose data, (part, parts)."""
    split = cfg.get("split") or {}
    count = split.get("count")
    if type(count) is not int or not 1 <= count <= MOST_SPLIT_SITES:
        return {}
    return {f"{split['of']}_{part}": (split["of"], (part, count)) for part in range(count)}


def _choose_by_letter(word: str, cfg: DictConfig) -> list[str]:
    if word in list_site_names(cfg):
        return [word]
    letters = {str(node.get("letter")): name for name, node in list_site_nodes(cfg).items()}
    if all(letter in letters for letter in word):
        return [letters[letter] for letter in word]
    return [part for part in word.split(",") if part]
