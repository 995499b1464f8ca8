"""From the config's sites to sources: names, letters, folders, masks, dealing."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from flmrcm.assembly.checking import Gathering, plain
from flmrcm.data.source import Source
from flmrcm.errors import ConfigErrors, nearest


def build_sources(cfg: DictConfig, found: Gathering) -> dict[str, Source]:
    """Gives each site's source by name, sorted; a site with a problem is left out."""
    run_mask = found.build("mask", cfg.mask)
    nodes = {str(name): node for name, node in cfg.sites.items()}
    shares: dict[str, tuple[int, int]] = {}
    if split := cfg.get("split"):
        count = split.count if isinstance(split.count, int) and split.count >= 1 else 0
        if not count:
            found.problems.append(f"split.count={split.count}: a whole number, at least 1.")
        shares = {f"{split.of}_{hand}": (hand, count) for hand in range(count)}
        nodes |= dict.fromkeys(shares, split.source)
    sources: dict[str, Source] = {}
    for name, node in sorted(nodes.items()):
        share = shares.get(name)
        source = _source(cfg, found, cfg.split.of if share else name, node, run_mask, share)
        if source:
            sources[name] = source
    return sources


def chosen_sites(key: str, value: Any, cfg: DictConfig) -> list[str]:
    """Gives sites named in a list, or by letters in one word (`BFHI`); None gives all.

    Raises:
        ConfigErrors: a name that is no site, or no site at all.
    """
    names = site_names(cfg)
    if value is None:
        return names
    chosen = _by_letter(value, cfg) if isinstance(value, str) else [str(name) for name in value]
    problems = [
        f"{key}={name}: no such site; use some of {', '.join(names)}.{nearest(name, names)}"
        for name in chosen
        if name not in names
    ]
    if not chosen:
        problems.append(f"{key}=[]: name at least one of {', '.join(names)}.")
    if problems:
        raise ConfigErrors(problems)
    return sorted(set(chosen))


def chosen_target(value: Any, cfg: DictConfig) -> str | None:
    """Gives the target's name; None where the config names none."""
    if value is None:
        return None
    chosen = chosen_sites("target", value if isinstance(value, str) else [value], cfg)
    if len(chosen) != 1:
        raise ConfigErrors([f"target={value}: name one site."])
    return chosen[0]


def site_names(cfg: DictConfig) -> list[str]:
    """Gives the names of all sites, dealt ones too, sorted."""
    split = cfg.get("split")
    dealt = [f"{split.of}_{hand}" for hand in range(split.count)] if split else []
    return sorted([*map(str, cfg.sites), *dealt])


def _by_letter(word: str, cfg: DictConfig) -> list[str]:
    if word in site_names(cfg):
        return [word]
    letters = {str(node.get("letter")): str(name) for name, node in cfg.sites.items()}
    if all(letter in letters for letter in word):
        return [letters[letter] for letter in word]
    return [part for part in word.split(",") if part]


def _source(
    cfg: DictConfig,
    found: Gathering,
    name: str,
    node: DictConfig,
    run_mask: Any,
    share: tuple[int, int] | None,
) -> Source | None:
    key = f"sites.{name}"
    mask = found.build(f"{key}.mask", node.mask) if node.mask else run_mask
    generator = found.build(f"{key}.generator", node.generator) if node.generator else None
    values = _with_root(plain(node), cfg.data_dir, name if node.generator else None)
    taken = ("mask", "generator", "letter", "folder")
    keys = {f"{key}.{k}": v for k, v in values.items() if k not in taken}
    return found.call(
        Source,
        keys | {"val_sample_rate": cfg.val_sample_rate, "data.skip_broken": cfg.data.skip_broken},
        name=name,
        mask=mask,
        generator=generator,
        share=share,
        seed=cfg.data.seed,
    )


def _with_root(
    values: dict[str, Any], data_dir: str | None, generated: str | None
) -> dict[str, Any]:
    if values["root"] or generated or not (data_dir and values.get("folder")):
        return values
    return {**values, "root": str(Path(data_dir) / values["folder"])}
