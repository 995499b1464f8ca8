"""`flmrcm simulate`: the data of the simulated sites, with a contact sheet of them, or of masks."""

from typing import Any

from flmrcm.config.build import Builder, to_plain
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.config.conf_files import list_options
from flmrcm.config.sources import build_sources
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.files import expand_home
from flmrcm.inspection.mask_sheet import write_mask_sheet
from flmrcm.inspection.site_sheet import write_site_sheet
from flmrcm.logs import say
from flmrcm.mri.masks import ColumnMask, Mask

_PARTIAL = {f"{name}, partial Fourier": name for name in ("gaussian_2d", "random")}
_SHARE = 0.75
_NOT_DRAWN = ("equispaced_offset", "file")
"""Another name of a mask that is drawn, and the files' own."""


def main(words: list[str]) -> None:
    """Make data where they are missing, draw the contact sheet, and print where both are.

    The word `masks` draws a contact sheet of all masks instead.

    Raises:
        ConfigErrors: a word that isn't understood, or no simulated site.
    """
    if "masks" in words:
        _draw_masks([word for word in words if word != "masks"])
    else:
        _make_sites(words)


def _make_sites(words: list[str]) -> None:
    cfg, builder = compose_config("train", expand_words(words)), Builder()
    sources = build_sources(cfg, builder)
    builder.raise_if_any()
    simulated = {name: source for name, source in sources.items() if source.generator}
    if not simulated:
        raise ConfigErrors(["sites: none of these sites is simulated; use sites=simulated."])
    for source in simulated.values():
        source.ensure()
    roots = {source.label or name: source.folder for name, source in simulated.items()}
    sheet = expand_home(cfg.data.simulated.folder) / f"contact_sheet_{cfg.contrast}.png"
    write_site_sheet(roots, cfg.contrast, sheet)
    for name, source in simulated.items():
        say(f"{name}: {source.folder}")
    say(f"contact sheet: {sheet}")


def _draw_masks(words: list[str]) -> None:
    """Draw every mask of conf/mask/ that can be; print why another can't."""
    cfg = compose_config("train", expand_words(words))
    shape = (cfg.data.simulated.size, cfg.data.simulated.size)
    fitting, problems = dict[str, Mask](), list[str]()
    for name, node in _list_masks(words).items():
        builder = Builder()
        try:
            mask = builder.build("mask", node)
            builder.raise_if_any()
            mask.check(shape)
            fitting[name] = mask
        except FlmrcmError as error:
            problems.append(f"{name}: {error}")
    if not fitting:
        raise ConfigErrors(problems)
    sheet = expand_home(cfg.data.simulated.folder) / "masks.png"
    in_order = sorted(
        fitting, key=lambda name: (name in _PARTIAL, not isinstance(fitting[name], ColumnMask))
    )
    write_mask_sheet({name: fitting[name] for name in in_order}, shape, sheet)
    for line in (*problems, f"contact sheet: {sheet}"):
        say(line)


def _list_masks(words: list[str]) -> dict[str, dict[str, Any]]:
    """Return the config of each mask by name; of two of them also with partial Fourier."""
    chosen = [word for word in words if not word.startswith("mask=")]
    nodes = {
        name: to_plain(compose_config("train", expand_words([*chosen, f"mask={name}"])).mask)
        for name in list_options("mask", words)
        if name not in _NOT_DRAWN
    }
    share = {"partial_fourier": _SHARE}
    return nodes | {name: {**nodes[whole], **share} for name, whole in _PARTIAL.items()}
