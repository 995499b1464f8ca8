"""Draw a page, or what a command printed, as a small picture for docs/pictures. Needs Chromium.

python scripts/docs_site/picture.py OUT.png report.html [HEIGHT]

FORCE_COLOR=1 TTY_INTERACTIVE=0 COLUMNS=100 flmrcm compare outputs/demo >printed.ansi 2>&1
python scripts/docs_site/picture.py OUT.png printed.ansi 'flmrcm compare outputs/demo' [FIRST LAST]
"""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageChops
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH, COLUMNS, COLOURS = 1280, 100, 64
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--log-level=3")


def draw_page(page: Path, out: Path, height: int = 900) -> None:
    """Write the upper part of a page, `WIDTH` pixels wide."""
    with TemporaryDirectory() as profile:
        options = f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}"
        words = ["chromium", *_FLAGS, *options, f"--screenshot={out.resolve()}"]
        subprocess.run([*words, page.resolve().as_uri()], check=True, capture_output=True)  # noqa: S603
    shrink(out)


def draw_terminal(printed: str, out: Path, command: str, first: int, last: int | None) -> None:
    """Write the lines that a command printed, from `first` to `last`, as a terminal shows them."""
    lines = re.sub(r"\x1b\[\?25[lh]", "", printed).rstrip().splitlines()
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(f"$ {command}", style="bold", highlight=False)
    for line in lines[first:last]:
        console.print(Text.from_ansi(line.rsplit("\r", 1)[-1]))
    console.print()
    with TemporaryDirectory() as folder:
        page = Path(folder) / "terminal.html"
        svg = console.export_svg(title="", theme=MONOKAI)
        svg = re.sub(r' clip-path="[^"]*-line-\d+\)"', "", svg)  # it cuts underscores off
        page.write_text(f"<meta charset=utf-8><body style='margin:0'>{svg}</body>")
        draw_page(page, out, height=200 + 36 * len(lines[first:last]))


def shrink(picture: Path) -> None:
    """Write a picture anew: few colours, and no more below than above."""
    image = Image.open(picture).convert("RGB")
    ground = Image.new("RGB", image.size, (255, 255, 255))
    *_, bottom = ImageChops.difference(image, ground).getbbox() or (0, 0, 0, image.height)
    image = image.crop((0, 0, image.width, bottom))
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


def main(out: str, source: str, *words: str) -> None:
    """Draw what the command line says."""
    if source.endswith(".html"):
        draw_page(Path(source), Path(out), *map(int, words))
        return
    command, *lines = words
    first, last = (int(lines[0]), int(lines[1])) if lines else (0, None)
    draw_terminal(Path(source).read_text(encoding="utf-8"), Path(out), command, first, last)


if __name__ == "__main__":
    main(*sys.argv[1:])
