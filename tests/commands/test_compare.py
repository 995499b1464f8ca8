"""`flmrcm compare` as a user types it."""

import html
import os
import re
import time
from pathlib import Path

import pandas as pd
import pytest
from kits.runs_on_disk import add_metric, spoil_scores, write_run
from kits.wandb_offline import read_offline_run
from matplotlib.figure import Figure

from flmrcm.app import main
from flmrcm.reports import html_report

OUT = Path("outputs/pair/compare")


@pytest.fixture
def pair():
    for seed in (1, 2):
        write_run(Path("outputs/pair") / f"one_{seed}", "FL-MR", seed, 30.0)
        write_run(Path("outputs/pair") / f"two_{seed}", "FL-MRCM", seed, 31.0)


def shown(capsys, *words):
    main(["compare", *words])
    return capsys.readouterr().out


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *words])
    return stopped.value.code, capsys.readouterr().err


def test_trained_runs_become_a_table_figures_and_a_page(capsys):
    words = ["debug=tiny", "logger=csv", "strategy=fl_mr,fl_mrcm", "name=pair"]
    main(["train", "-m", *words])
    capsys.readouterr()
    text = shown(capsys, "outputs/pair")
    expected = "FL-MR", "FL-MRCM", "zero-filled", "sim_b", "1 volume", "PSNR", "fewer than 6"
    assert all(words in text for words in expected)
    kept = {path.name for path in OUT.iterdir()}
    tables = {"results.csv", "matrix.csv", "statistics.csv", "tables.md", "tables.tex"}
    assert kept >= tables | {"report.html", "comparison.png", "boxes.png", "boxes.pdf"}
    columns = ["run", "site", "volume", "metric", "convention"]
    results = pd.read_csv(OUT / "results.csv")
    assert not results.duplicated(["method", *columns]).any()
    assert len(results[results["name"] != "zero-filled"]) == 2 * 2 * 1 * 3 * 4


def test_statistics_stand_below_the_table_of_the_metric_asked_for(pair, capsys):
    text = shown(capsys, "outputs/pair", "--no-figures", "--metric", "ssim")
    assert text.index("SSIM") < text.index("against FL-MR") < text.index("written to")
    assert "PSNR (dB)" not in text
    assert not list(OUT.glob("*.png"))


def test_everything_goes_to_the_folder_asked_for(pair, capsys):
    shown(capsys, "outputs/pair/one_1", "outputs/*/two_1", "--no-figures", "--output", "here")
    assert Path("here/report.html").is_file()
    assert not OUT.exists()
    assert set(pd.read_csv("here/results.csv")["seed"]) == {1}


def test_a_comparison_is_never_taken_for_a_run(pair, capsys):
    first = shown(capsys, "outputs/pair", "--no-figures", "--wandb", "offline")
    assert shown(capsys, "outputs/pair", "--no-figures") == first


def test_the_page_holds_the_command(pair, capsys):
    shown(capsys, "outputs/*", "--no-figures", "--output", "a b")
    assert "--output &#39;a b&#39;" in Path("a b/report.html").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["outputs/pair", "--convention", "fastmir"], "Did you mean 'fastmri'?"),
        (["outputs/pair", "--metric", "pnsr"], "Did you mean 'psnr'?"),
        (["outputs/pair", "--reference", "FL-MCRM"], "Did you mean 'FL-MRCM'?"),
        (["outputs/pair", "--wandb", "of-line"], "Did you mean 'offline'?"),
        (["outputs/pair", "--least-gain", "much"], "invalid float value: 'much'"),
        ([], "FOLDER. See flmrcm compare --help."),
    ],
)
def test_an_unknown_word_is_refused_before_anything_is_written(pair, capsys, words, expected):
    status, said = refused(capsys, *words)
    assert status == 2
    assert expected in said
    assert not OUT.exists()


def test_where_nothing_can_be_compared_it_fails_with_the_reasons(capsys):
    Path("empty").mkdir()
    status, said = refused(capsys, "nowhere", "empty")
    assert status == 1
    assert "nowhere: there's no such folder." in said
    assert "empty: no run below" in said
    assert "Traceback" not in said
    assert list(Path("empty").iterdir()) == []


def test_runs_whose_scenario_none_of_their_sites_plays_are_refused(capsys):
    write_run(Path("outputs/pair/one"), scenario="unseen")
    assert refused(capsys, "outputs/pair") == (
        1, "No run was tested at a site that counts in the runs' scenario.\n",
    )  # fmt: skip


def test_what_cannot_be_compared_is_told_and_the_rest_is_compared(pair, capsys):
    Path("outputs/pair/one_1/done").unlink()
    Path("outputs/pair/two_1/scores.csv").write_text("method,site\n")
    write_run(Path("outputs/pair/old"), "FL-MR", 3, conventions=["published"])
    text = shown(capsys, "outputs/pair", "nowhere", "--no-figures")
    for expected in ("one_1: not finished", "two_1/scores.csv", "old: its scores hold", "nowhere:"):
        assert f"not compared: {expected}" in text.replace("outputs/pair/", "")
    runs = set(pd.read_csv(OUT / "results.csv")["run"])
    assert runs == {"outputs/pair/one_2", "outputs/pair/two_2"}


def test_a_metric_that_runs_bring_along_is_in_every_table_and_figure(pair, capsys, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    monkeypatch.setattr(html_report, "embed_picture", lambda _: "")
    described = {"title": "HFEN", "unit": "a.u.", "digits": 1, "higher_is_better": False}
    for name in ("one_1", "one_2", "two_1", "two_2"):
        add_metric(Path("outputs/pair") / name, "hfen", described)
    text = shown(capsys, "outputs/pair", "--metric", "hfen")
    assert "HFEN (a.u.), lower is better" in text
    assert "HFEN (a.u.) against FL-MR, lower is better" in text
    page = (OUT / "report.html").read_text()
    assert page.index("HFEN (a.u.) against") < page.index("PSNR (dB) against")
    for name in ("matrix.csv", "statistics.csv", "results.csv"):
        assert "hfen" in set(pd.read_csv(OUT / name)["metric"])
    labels = [axis.get_xlabel() for figure in figures for axis in figure.axes]
    assert "HFEN (a.u.)" in labels


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_scores_that_are_not_finite_are_said_to_be_so(pair, capsys, value):
    spoil_scores(Path("outputs/pair/two_2"), "sim_h", value)
    text = shown(capsys, "outputs/pair")
    assert "not drawn" not in text
    assert "not finite" in text
    note = (
        "FL-MRCM: scores that aren't finite at sim_h (7 of 14), so it has neither a mean nor a "
        "rank there; see outputs/pair/two_2."
    )
    page = html.unescape((OUT / "report.html").read_text())
    for said in (" ".join(text.split()), page, (OUT / "tables.md").read_text()):
        assert note in said
        assert "sim_h FL-MRCM: not tested: scores that aren't finite." in said
    shown_words = re.sub(r"<[^>]*>", " ", page.split("<main>")[1]).split()
    assert "nan" not in shown_words
    cell = pd.read_csv(OUT / "matrix.csv").query("method == 'FL-MRCM' and site == 'sim_h'")
    assert cell["mean"].isna().all()
    assert "nan" in (OUT / "results.csv").read_text()


@pytest.mark.parametrize("browser", [True, False])
def test_the_page_opens_in_the_browser_or_its_path_is_told(pair, capsys, monkeypatch, browser):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or browser)
    text = shown(capsys, "outputs/pair", "--no-figures", "--open")
    assert opened == [(OUT / "report.html").resolve().as_uri()]
    assert ("no browser here" in text) != browser


def test_one_run_has_its_table_and_no_statistics(pair, capsys):
    text = shown(capsys, "outputs/pair/one_1", "--no-figures")
    assert "zero-filled" in text
    assert "no statistics" in text


def test_runs_that_gain_too_little_are_not_ranked(pair, capsys):
    assert "no ranking" in shown(capsys, "outputs/pair", "--no-figures", "--least-gain", "9")
    assert "no ranking" not in shown(capsys, "outputs/pair", "--no-figures", "--least-gain", "1")


def test_a_damaged_volume_spoils_its_picture_alone(pair, capsys):
    for run in ("one_1", "two_1"):
        volume = Path("outputs/pair") / run / "reconstructions/sim_b/0.h5"
        volume.parent.mkdir(parents=True)
        volume.write_bytes(b"\x89HDF\r\n\x1a\n cut short")
    assert "written to" in shown(capsys, "outputs/pair")
    assert (OUT / "boxes.png").is_file()


def test_a_figure_that_fails_is_one_line_and_the_page_is_written(pair, capsys, monkeypatch):
    def save(self, path, **_):
        raise ValueError(f"no room for {path.stem}")

    monkeypatch.setattr(Figure, "savefig", save)
    text = shown(capsys, "outputs/pair")
    line = "Bytes moved: It couldn't be drawn: ValueError: no room for traffic."
    assert f"not drawn: {line}" in text.splitlines()
    assert line in html.unescape((OUT / "report.html").read_text())
    assert "0 figures" in text


def test_wandb_gets_a_run_of_its_own_with_tables_and_figures(pair, capsys):
    shown(capsys, "outputs/pair", "--wandb", "offline")
    seen = read_offline_run(OUT)
    assert (seen.job_type, seen.group, seen.project) == ("compare", "pair", "flmrcm")
    assert len(seen.read_table("tables/matrix")) == len(pd.read_csv(OUT / "matrix.csv"))
    assert "figures/boxes" in seen.summary
    assert seen.config["command"] == "flmrcm compare outputs/pair --wandb offline"


def test_twenty_runs_take_seconds(capsys):
    for number in range(20):
        write_run(Path("outputs/many") / str(number), f"method {number % 4}", number, 30.0)
    before = time.process_time()
    shown(capsys, "outputs/many", "--no-figures")
    assert time.process_time() - before < 20
    assert os.path.getsize("outputs/many/compare/report.html") < 1e6  # noqa: PTH202
