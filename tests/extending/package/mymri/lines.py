"""One line of JSON for each round, for programs that read such lines."""

import json
from collections.abc import Mapping, Sequence

from flmrcm.federation.journal import Panel
from flmrcm.tracking.run_info import RunInfo, compute_headline, group_scalars
from flmrcm.types import Measurement


class Lines:
    """Appends a line for each round, and one with the summary.

    Args:
        run: what is shown.
        file: below the run's folder.
    """

    def __init__(self, run: RunInfo, file: str = "rounds.jsonl") -> None:
        self.name, self.path = run.name, run.folder / file

    def start(self, rows: Sequence[Measurement]) -> None:
        """Begin with the rounds that a resumed run already has."""
        self.path.write_text("")
        self.log(rows)

    def log(self, rows: Sequence[Measurement]) -> None:
        """Append the rows of a round, or those of one site's test."""
        for number, scalars in group_scalars(rows).items():
            self._append({"round": number, **scalars})

    def close(self, rows: Sequence[Measurement], panels: Mapping[str, Panel]) -> None:
        """Append the summary of the whole journal; `panels` are pictures with captions."""
        self._append({**compute_headline(rows), **{site: p.caption for site, p in panels.items()}})

    def _append(self, line: Mapping[str, float | str]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps({"run": self.name, **line}) + "\n")
