"""`flmrcm simulate`: make the data of the simulated sites, and a contact sheet of them."""

from pathlib import Path

from flmrcm.config.build import Builder
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.config.sources import build_sources
from flmrcm.errors import ConfigErrors
from flmrcm.inspection.site_sheet import write_site_sheet
from flmrcm.logs import say


def main(words: list[str]) -> None:
    """Make data where they are missing, draw the contact sheet, and print where both are.

    Raises:
        ConfigErrors: a word that isn't understood, or no simulated site.
    """
    cfg, builder = compose_config("train", expand_words(words)), Builder()
    sources = build_sources(cfg, builder)
    builder.raise_if_any()
    simulated = {name: source for name, source in sources.items() if source.generator}
    if not simulated:
        raise ConfigErrors(["sites: none of these sites is simulated; use sites=simulated."])
    for source in simulated.values():
        source.ensure()
    roots = {source.label or name: source.folder for name, source in simulated.items()}
    sheet = Path(cfg.data.simulated.folder) / f"contact_sheet_{cfg.contrast}.png"
    write_site_sheet(roots, cfg.contrast, sheet)
    for name, source in simulated.items():
        say(f"{name}: {source.folder}")
    say(f"contact sheet: {sheet}")
