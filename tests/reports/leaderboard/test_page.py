"""The leaderboard's page: made of results alone, honest where there is nothing to say."""

import pytest
from kits.benchmark import make_result, read_tiny

from flmrcm.reports.leaderboard.page import write_page


@pytest.fixture
def write(tmp_path):
    """Writes the page of some results and gives its text."""

    def write(*results, **changes):
        write_page(read_tiny(**changes), results, tmp_path / "leaderboard.md")
        return (tmp_path / "leaderboard.md").read_text()

    return write


def test_every_task_has_a_table_with_a_row_for_each_method(write, tmp_path):
    text = write(make_result(read_tiny()), make_result(read_tiny(), "a", 0.5, bytes=20_000_000))
    for task in read_tiny().tasks.values():
        assert f"### {task.title} ({task.settings[0]})" in text
    assert text.count("| zero-filled |") == 5
    assert text.count("\n| FL-MR |") == text.count("\n| a |") == 5 + 1 + 1  # overview, files
    part = text.split("### Participating")[1]
    row = next(line for line in part.splitlines() if line.startswith("| a |"))
    assert "+0.50; no difference shown (least p 0.062)" in row
    assert row.endswith("| 0.8000 | 20 | 100 | 1.00 |")
    assert "+0.50; better at sim_b (least p 0.031)" in text
    assert (tmp_path / "results" / "leaderboard_tiny.png").stat().st_size > 5000
    assert "](results/leaderboard_tiny.png)" in text


def test_steps_for_weights_of_the_sites_own_stand_behind_a_plus(write):
    text = write(make_result(read_tiny()), make_result(read_tiny(), "a", 0.5, personal_steps=80))
    part = text.split("### Participating")[1]
    row = next(line for line in part.splitlines() if line.startswith("| a |"))
    assert row.endswith("| 100 + 80 | 1.00 |")


def test_it_says_that_nothing_is_significant_and_that_it_is_a_draft(write):
    text = write(make_result(read_tiny()), make_result(read_tiny(), "a", 0.5))
    assert "**Nothing here is significant at 5 %:** no method can be told from FL-MR." in text
    assert "**A draft:**" in text
    assert "**A draft:**" not in write(make_result(read_tiny()), status="final")


def test_where_nothing_is_ranked_nothing_is_bold_or_tested(write):
    text = write(make_result(read_tiny()), make_result(read_tiny(), "a", 0.5), least_gain=9.0)
    part = text.split("### Participating")[1].split("###")[0]
    assert "**No ranking:**" in part
    assert "| a | 2" in part
    assert "not tested" in part


def test_what_is_not_finite_says_so_and_is_never_the_best(write):
    broken = make_result(read_tiny(), "a", 9.0)
    broken.scores.loc[broken.scores["site"] == "sim_b", "psnr"] = float("nan")
    text = write(make_result(read_tiny()), broken, make_result(read_tiny(), "b", 0.5))
    part = text.split("### Participating")[1].split("###")[0]
    row = next(line for line in part.splitlines() if line.startswith("| a |"))
    assert row.split(" | ")[1:3] == ["not finite sim_b", "not finite"]
    assert "| **2" in part
    assert "| nan" not in text


def test_models_are_never_compared_with_each_other(write):
    models = {"unet": [], "cascade": []}
    both = make_result(read_tiny()), make_result(read_tiny(), "a", 9.0, model="cascade")
    text = write(*both, models=models)
    unet, cascade = text.split("## Model: cascade")
    assert "| a |" not in unet.split("## Model: unet")[1]
    assert "| FL-MR |" not in cascade.split("**Made on**")[0]


def test_weights_that_differ_are_told(write):
    result = make_result(read_tiny(), "fedper", weights="its private weights")
    assert "fedper: tested with its private weights." in write(result)


def test_without_results_it_says_so_and_draws_nothing(write, tmp_path):
    assert "No method has been run yet." in write()
    assert not (tmp_path / "results").exists()


def test_metrics_are_called_and_rounded_as_in_reports(write):
    result = make_result(read_tiny())
    result.scores["lesion_psnr"] = 18.5046
    text = write(result, words=[*read_tiny().words, "metrics=with_lesions"])
    part = text.split("### Participating")[1]
    assert "| Lesion PSNR (dB) |" in part
    assert "| 18.50 |" in part
