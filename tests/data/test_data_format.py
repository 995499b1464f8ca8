"""The example of docs/data-format.md works: it writes a file that everything can read."""

import re
from pathlib import Path

from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import examine
from flmrcm.inspection.volume_places import find_volume_places

PAGE = Path(__file__).parents[2] / "docs" / "data-format.md"


def test_the_example_writes_a_volume_with_nothing_suspicious_in_it(tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(example.splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    (place,) = find_volume_places(tmp_path)
    facts = examine(place)
    assert (place.site, place.contrast, place.split) == ("Ours", "T1", "train")
    assert facts.header is not None
    assert facts.header.shape == (12, 1, 160, 144)
    assert find_suspicions([facts]) == [[]]
