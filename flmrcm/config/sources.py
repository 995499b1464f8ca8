"""From the config's sites to sources: folders, masks, dealing."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.sites import MOST_SPLIT_SITES, list_site_nodes, list_split_sites
from flmrcm.data.source import Source
from flmrcm.files import expand_home
from flmrcm.mri.masks import Mask

_ELSEWHERE = ("mask", "loss", "generator", "letter", "policy")
"""Keys of a site that are not its source's."""


def build_sources(cfg: DictConfig, builder: Builder) -> dict[str, Source]:
    """Return each site's source by name, sorted; a site with a problem is left out."""
    run_mask = builder.build("mask", cfg.mask, Mask)
    split_sites = list_split_sites(cfg)
    if (split := cfg.get("split")) and not split_sites:
        builder.problems.append(
            f"split.count={split.get('count')}: a whole number, 1 to {MOST_SPLIT_SITES}."
        )
    builder.problems += [
        f"sites.{name}={node}: no site; +site@sites.{name}=FILE takes one of conf/site/."
        for name, node in cfg.sites.items()
        if not _is_site(node)
    ]
    sources: dict[str, Source] = {}
    nodes = {name: node for name, node in list_site_nodes(cfg).items() if _is_site(node)}
    for name, node in sorted(nodes.items()):
        institution, share = split_sites.get(name, (name, None))
        key = f"sites.{institution}"
        mask = builder.build(f"{key}.mask", node.mask, Mask) if node.get("mask") else run_mask
        making = node.get("generator")
        generator = builder.build(f"{key}.generator", making) if making else None
        source = builder.call(
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


def _is_site(node: Any) -> bool:
    """Tell whether a node is a site's: a loss or a mask of a name that is no site's has no more."""
    return OmegaConf.is_dict(node) and "contrast" in node


def _read_source_values(cfg: DictConfig, node: DictConfig) -> dict[str, Any]:
    values = to_plain(node)
    folder, root = values.pop("folder", None), values.get("root")
    if not root and cfg.data_dir and folder:
        root = Path(str(cfg.data_dir)) / str(folder)
    values["root"] = str(expand_home(str(root))) if root else None
    return {k: v for k, v in values.items() if k not in _ELSEWHERE}
