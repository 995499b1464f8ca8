"""The page on the library: its code runs as it stands."""

import re
from pathlib import Path

import pandas as pd
from kits.factories import write_site

PAGE = (Path(__file__).parents[1] / "docs/library.md").read_text()


def test_the_library_in_fifteen_lines_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"<!-- library -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    for name in ("brats", "ixi"):
        write_site(tmp_path / name)
    for long, short in (('"/data/', f'"{tmp_path}/'), ("channels=16", "2, 2"), ("s=10", "s=1")):
        assert long in code
        code = code.replace(long, short)
    exec(compile(code, "library.md", "exec"), {})
    assert "zero-filled" in capsys.readouterr().out
    assert set(pd.read_csv("outputs/mine/scores.csv")["site"]) == {"brats", "ixi"}
