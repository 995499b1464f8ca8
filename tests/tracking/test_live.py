import io
import itertools

import pytest
from rich.console import Console

from flmrcm.federation.engine import Progress
from flmrcm.tracking.live import LiveView
from flmrcm.types import Measurement

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
SITES = ["brats", "hpks", "ixi"]


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=40, _environ={})


def feed(live: LiveView, rounds) -> None:
    for rows in rounds:
        live(Progress("train", "brats", 16, 32, 0.3))
        live(Progress("train", "brats", 32, 32, 0.2))
        live.log(rows)


def test_away_from_a_terminal_each_round_is_one_plain_line(rounds, tested):
    console = Console(file=io.StringIO())
    with LiveView(3, SITES, console=console) as live:
        live.start([])
        feed(live, rounds)
        live.log(tested)
        live.close([], {})
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("round 1 of 3  loss 0.5000  val PSNR 30.00  SSIM 0.3000")
    assert lines[-1].endswith(" s")


def test_a_round_without_validation_shows_no_old_scores(rounds):
    console = Console(file=io.StringIO())
    with LiveView(3, SITES, console=console) as live:
        live.log(rounds[0])
        live.log([row for row in rounds[1] if row.split == "train"])
    first, second = console.file.getvalue().splitlines()
    assert "PSNR" in first
    assert "PSNR" not in second


@pytest.mark.parametrize(
    ("seconds", "told"), [((5, 5, 40, 40), 1), ((5, 5, 10, 10), 0), ((1, 1, 4, 4), 0), ((40, 5), 0)]
)
def test_a_round_much_longer_than_those_before_is_told_of_once(
    rounds, monkeypatch, caplog, seconds, told
):
    ends = itertools.accumulate((0, *seconds))
    monkeypatch.setattr("time.monotonic", lambda: next(ends))
    with LiveView(4, SITES, console=Console(file=io.StringIO())) as live:
        for number in range(len(seconds)):
            live.log([row._replace(round=number) for row in rounds[0]])
    lines = [line for line in caplog.messages if "is another program at work" in line]
    assert lines == ["round 3 took 40 s, 8 times as long as those before: is another program at "
        "work here? Then engine=processes, or engine.threads=1, waits least"] * told  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("n_sites", [2, 4, 12])
def test_the_view_fits_the_terminal(width, n_sites):
    console = terminal(width)
    with LiveView(3, [f"a_long_hospital_{i}" for i in range(n_sites)], console=console) as live:
        live(Progress("train", "a_long_hospital_0", 16, 32, 0.3))
        shown = console.render_lines(live._view.get_renderable())
    text = ["".join(segment.text for segment in line).rstrip() for line in shown]
    assert len([line for line in text if "hospital" in line]) == n_sites + 1
    assert not any("…" in line for line in text)
    assert "round 1 of 3" in text[1]


def test_the_view_shows_scores_and_who_is_at_work(rounds):
    console = terminal()
    with LiveView(3, SITES, console=console) as live:
        live.start(rounds[0])
        live(Progress("train", "ixi", 16, 32, 0.1234))
    text = console.file.getvalue()
    for expected in ("round 2 of 3", "training", "▸", "0.1234", "29.00", "0.2900"):
        assert expected in text


def test_a_finished_run_leaves_its_table_standing(rounds):
    console = terminal()
    with LiveView(3, SITES, console=console) as live:
        feed(live, rounds)
    last_view = console.file.getvalue().rpartition("3 rounds done")[2]
    assert "took 0:00:0" in last_view
    assert "29.00" in last_view
    assert "training" not in last_view


def test_an_error_inside_gives_the_cursor_back():
    console = terminal()
    with pytest.raises(RuntimeError), LiveView(3, SITES, console=console):
        raise RuntimeError
    text = console.file.getvalue()
    assert HIDE in text
    assert text.rindex(SHOW) > text.rindex(HIDE)


def test_progress_of_unknown_length_is_shown():
    console = terminal()
    with LiveView(3, [], console=console) as live:
        live(Progress("survey", "brats", 5, 0, float("nan")))
    assert "asking" in console.file.getvalue()


def test_a_fine_tuning_after_the_last_round_is_called_so(rounds):
    console = Console(file=io.StringIO())
    with LiveView(2, SITES, console=console) as live:
        feed(live, rounds)
    lines = console.file.getvalue().splitlines()
    assert lines[1].startswith("round 2 of 2")
    assert lines[2].startswith("fine-tuned  loss")


def test_what_is_spent_of_privacy_has_a_column_only_where_something_is(rounds):
    console = Console(file=io.StringIO())
    shown = terminal()
    spent = [Measurement(0, "train", site, "epsilon", "", 1.5 + i) for i, site in enumerate(SITES)]
    with LiveView(3, SITES, console=console) as live, LiveView(3, SITES, console=shown) as view:
        live.log([*rounds[0], *spent])
        view.log(rounds[0])
        assert "ε" not in shown.file.getvalue()
        view.log(spent)
    assert "  ε 3.50  " in console.file.getvalue()
    assert "ε" in shown.file.getvalue()
    assert "2.50" in shown.file.getvalue()
