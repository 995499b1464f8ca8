"""From the config's sites to sources: names, letters, folders, masks, dealing."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from flmrcm.config.build import Builder, to_plain
from flmrcm.data.source import Source
from flmrcm.errors import ConfigErrors, suggest_nearest

_ELSEWHERE = ("mask", "generator", "letter", "policy")
"""Keys of a site that aren't its source's."""


def build_sources(cfg: DictConfig, found: Builder) -> dict[str, Source]:
    """Gives each site's source by name, sorted; a site with a problem is left out."""
    run_mask = found.build("mask", cfg.mask)
    dealt = _list_split_sites(cfg)
    if (split := cfg.get("split")) and not dealt:
        found.problems.append(f"split.count={split.count}: a whole number, at least 1.")
    sources: dict[str, Source] = {}
    for name, node in sorted(list_site_nodes(cfg).items()):
        institution, share = dealt.get(name, (name, None))
        key = f"sites.{institution}"
        mask = found.build(f"{key}.mask", node.mask) if node.mask else run_mask
        generator = found.build(f"{key}.generator", node.generator) if node.generator else None
        source = found.call(
            Source,
            {f"{key}.{name}": value for name, value in _read_source_values(cfg, node).items()}
            | {"val_sample_rate": cfg.val_sample_rate, "data.skip_broken": cfg.data.skip_broken},
            name=institution,
            mask=mask,
            generator=generator,
            share=share,
            seed=cfg.data.seed,
        )
        if source:
            sources[name] = source
    return sources


def list_site_nodes(cfg: DictConfig) -> dict[str, Any]:
    """Gives each site's node by name; clients that one data set is dealt to share its node."""
    nodes: dict[str, Any] = {str(name): node for name, node in cfg.sites.items()}
    return nodes | dict.fromkeys(_list_split_sites(cfg), (cfg.get("split") or {}).get("source"))


def choose_participants(cfg: DictConfig) -> list[str]:
    """Gives the sites that train: `all`, `others` (all but the target), `target`, or those named.

    Raises:
        ConfigErrors: a name that is no site, or a word that needs a target where there's none.
    """
    word, target = cfg.participants, choose_target(cfg.target, cfg)
    if word not in ("others", "target"):
        return choose_sites("participants", None if word == "all" else word, cfg)
    if target is None:
        raise ConfigErrors([f"participants={word}: needs a target; give target=SITE."])
    return [name for name in list_site_names(cfg) if (name == target) == (word == "target")]


def choose_sites(key: str, value: Any, cfg: DictConfig) -> list[str]:
    """Gives sites named in a list, or by letters in one word (`BFHI`); None gives all.

    Raises:
        ConfigErrors: a name that is no site, or no site at all.
    """
    names = list_site_names(cfg)
    if value is None:
        return names
    chosen = (
        _choose_by_letter(value, cfg) if isinstance(value, str) else [str(name) for name in value]
    )
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
    """Gives the target's name; None where the config names none."""
    if value is None:
        return None
    chosen = choose_sites("target", value if isinstance(value, str) else [value], cfg)
    if len(chosen) != 1:
        raise ConfigErrors([f"target={value}: name one site."])
    return chosen[0]


def list_site_names(cfg: DictConfig) -> list[str]:
    """Gives the names of all sites, dealt ones too, sorted."""
    return sorted([*map(str, cfg.sites), *_list_split_sites(cfg)])


def _list_split_sites(cfg: DictConfig) -> dict[str, tuple[str, tuple[int, int]]]:
    """Gives for each client that one data set is dealt to: whose data, which hand of how many."""
    split = cfg.get("split")
    count = split.count if split and isinstance(split.count, int) else 0
    return {f"{split.of}_{hand}": (split.of, (hand, count)) for hand in range(count)}


def _choose_by_letter(word: str, cfg: DictConfig) -> list[str]:
    if word in list_site_names(cfg):
        return [word]
    letters = {str(node.get("letter")): str(name) for name, node in cfg.sites.items()}
    if all(letter in letters for letter in word):
        return [letters[letter] for letter in word]
    return [part for part in word.split(",") if part]


def _read_source_values(cfg: DictConfig, node: DictConfig) -> dict[str, Any]:
    values = to_plain(node)
    folder = values.pop("folder")
    if not values["root"] and cfg.data_dir and folder:
        values["root"] = str(Path(cfg.data_dir) / folder)
    return {k: v for k, v in values.items() if k not in _ELSEWHERE}
