"""`flmrcm simulate`: make the simulated sites on purpose, and look at them."""

from pathlib import Path

from rich.console import Console

from flmrcm.config.build import Builder
from flmrcm.config.compose import compose_config, expand_words
from flmrcm.config.sources import build_sources
from flmrcm.errors import ConfigErrors
from flmrcm.inspection.site_sheet import write_site_sheet


def main(words: list[str]) -> None:
    """Make the data and the sheet, and says where they are."""
    cfg, found = compose_config("train", expand_words(words)), Builder()
    sources = build_sources(cfg, found)
    found.raise_if_any()
    made = {name: source for name, source in sources.items() if source.generator}
    if not made:
        raise ConfigErrors(["sites: none of these sites is simulated; use sites=simulated."])
    for source in made.values():
        source.ensure()
    roots = {source.label or name: source.folder for name, source in made.items()}
    sheet = Path(cfg.data.simulated.folder) / f"contact_sheet_{cfg.contrast}.png"
    write_site_sheet(roots, cfg.contrast, sheet)
    console = Console(soft_wrap=True, highlight=False)
    for name, source in made.items():
        console.print(f"{name}: {source.folder}")
    console.print(f"contact sheet: {sheet}")
