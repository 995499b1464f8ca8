"""Paths and names among typed words: any character, in and out of Hydra's quotes."""

import re
from pathlib import Path

_STAYS = re.compile(r"|null|\?\?\?|(['\"]).*\1|(choice|glob|range|interval)\(.*\)", re.DOTALL)
"""A value that means what it means to Hydra, not a text."""

_ITEM = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^,\s][^,]*")


def quote(text: str) -> str:
    """Return a text quoted as Hydra reads it; what is quoted, null or a sweep stays."""
    if _STAYS.fullmatch(text):
        return text
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + m[2].replace("'", "\\'"), text)
    return f"'{escaped}'"


def unquote(value: str) -> str:
    """Return a value without its quotes, as it was before `quote`."""
    if len(value) < 2 or value[0] not in "'\"" or value[-1] != value[0]:
        return value
    return re.sub(r"\\+(?=['\"]|$)", lambda m: "\\" * (len(m[0]) // 2), value[1:-1])


def split_folders(value: str) -> list[str]:
    """Return the folders in `[FOLDER, …]` or `FOLDER`, without quotes.

    An entry needs quotes only where it holds a comma or begins with a space; and not even then if
    it is the only one, and there is such a folder.
    """
    inside = value[1:-1] if value[:1] == "[" and value[-1:] == "]" else value
    if "," in inside and Path(inside).is_dir():
        return [inside]
    return [unquote(item.strip()) for item in _ITEM.findall(inside)]
