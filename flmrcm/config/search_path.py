"""Words that say where configs are searched, and the search path that Hydra is given."""

from collections.abc import Sequence
from functools import cache
from logging import getLogger
from pathlib import Path

from flmrcm.config.conf_files import list_plugins, list_search_folders, list_search_places
from flmrcm.config.quoting import quote
from flmrcm.config.words import parse_word

log = getLogger(__name__)

_HYDRA = "hydra.searchpath"


def complete_search_path(name: str, words: Sequence[str]) -> list[str]:
    """Return words of which one names every place where Hydra has to search."""
    others = [word for word in words if not word.startswith(f"{_HYDRA}=")]
    return [*others, *list_search_words(name, words)]


def list_search_words(name: str, words: Sequence[str]) -> list[str]:
    """Return the word that tells Hydra where to search beside conf/; none where that is all.

    Hydra takes the first file it finds: conf/ is its own first place, then come folders that are
    typed, then those that installed packages bring along.

    Args:
        name: of the primary config.
        words: as Hydra would read them.
    """
    places = list_search_places(name, words)
    return [f"{_HYDRA}={_list_quoted(places, 'file://')}"] if places else []


def imply_search_path(word: str) -> dict[str, str]:
    """Return what keeps a typed folder in the run's config, and has Hydra search it."""
    parts = parse_word(word)
    folders = list_search_folders([word])
    if parts and parts.key == "searchpath" and folders:
        return {_HYDRA: f"{_HYDRA}={_list_quoted(folders, 'file://')}"}
    if parts and parts.key == _HYDRA:
        return {"searchpath": f"searchpath={_list_quoted(folders)}"}
    return {}


def make_absolute(word: str) -> str:
    """Return a word whose folders of configs are found from anywhere."""
    folders = list_search_folders([word]) if word.startswith("searchpath=") else []
    return f"searchpath={_list_quoted(folders)}" if folders else word


def find_search_problems(words: Sequence[str]) -> list[str]:
    """Return a problem line for each folder that is none."""
    missing = [folder for folder in list_search_folders(words) if not folder.is_dir()]
    return [f"searchpath: {folder} isn't a folder." for folder in dict.fromkeys(missing)]


@cache
def tell_broken_plugins() -> None:
    """Say once which packages are left out: a run that needs none of them goes on."""
    for plugin in list_plugins().broken:
        log.warning("%s", plugin)


def _list_quoted(folders: Sequence[Path], scheme: str = "") -> str:
    named = (quote(f"{scheme}{folder.absolute()}") for folder in folders)
    return f"[{','.join(named)}]"
