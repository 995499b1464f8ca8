"""Write what an offline wandb run holds, read back from its file, as one page to look at.

PYTHONPATH=tests python scripts/docs_site/wandb_page.py OUT.html outputs/demo/RUN/wandb
"""

import sys
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from kits.wandb_offline import OfflineRun, read_offline_run

_STYLE = """body {font: 15px sans-serif; margin: 24px 40px; max-width: 1100px} h2 {font-size: 17px}
table {border-collapse: collapse} td, th {padding: 3px 14px 3px 0; text-align: left}
th {font-weight: normal; color: #666} img {max-width: 100%} .side {display: flex; gap: 60px}"""
_SERIES = "round", "val/psnr_mean", "val/psnr_worst", "train/loss_mean", "wire/bytes"
_IMAGES = 1


def write_page(run: OfflineRun) -> str:
    """Return the page: traits, history, summary, and the first images with their captions."""
    about = {"group": run.group, "job type": run.job_type, "tags": ", ".join(run.tags)}
    history = [[_format(row.get(name, "")) for name in _SERIES] for row in run.history]
    tested = {k: v for k, v in run.summary.items() if k in ("test/psnr", "test/psnr_worst")}
    traits = {k: v for k, v in run.summary.items() if k.startswith("run/")}
    return "".join(
        [
            f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>",
            f"<h1>{escape(run.name)}</h1>",
            _write_table(about.items()),
            "<div class=side><div><h2>history</h2>", _write_table([_SERIES, *history[:-1]]),
            "</div><div><h2>summary</h2>", _write_table({**traits, **tested}.items()),
            "</div></div><h2>images</h2>", *_write_images(run),
        ]
    )  # fmt: skip


def _write_images(run: OfflineRun) -> Iterable[str]:
    images: Mapping[str, Any] = {k: v for k, v in run.summary.items() if k.startswith("panels/")}
    for name in sorted(images)[:_IMAGES]:
        path = (run.folder / "files" / images[name]["path"]).resolve()
        yield f"<p>{escape(name)}: {escape(images[name]['caption'])}<br>"
        yield f"<img src='{path.as_uri()}'></p>"


def _write_table(rows: Iterable[Iterable[Any]]) -> str:
    cells = ("".join(f"<td>{escape(_format(value))}" for value in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}' for row in cells)}</table>"


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(write_page(read_offline_run(Path(sys.argv[2]))), encoding="utf-8")
