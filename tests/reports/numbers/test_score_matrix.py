"""Laws of the site × method matrix."""

import pytest
from kits.reports import comparison_below, comparison_of, write_run

from flmrcm.reports.metric_info import metric_info
from flmrcm.reports.numbers.score_cells import SUMMARIES
from flmrcm.reports.numbers.score_matrix import build_score_matrix

TWO = {"north": (20.0, 22.0), "south": (30.0, 34.0, 35.0)}


def test_sites_that_trained_come_first(tmp_path):
    write_run(tmp_path / "a", values={"alps": [1, 2], **TWO}, participants=["north", "south"])
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    assert result.sites == ["north", "south", "alps", *SUMMARIES]


def test_what_was_tested_on_other_volumes_is_not_ranked(tmp_path):
    write_run(tmp_path / "a", "a", TWO)
    write_run(tmp_path / "b", "b", {**TWO, "north": (20.0, 22.0, 24.0)})
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    ranks = {site: result.cells["b", site].rank for site in result.sites}
    assert ranks == {"north": 0, "south": 1, **dict.fromkeys(SUMMARIES, 0)}
    assert result.notes == ["north: not ranked: tested on different volumes (2 or 3 of them)."]


def test_what_was_tested_under_other_masks_is_not_ranked(tmp_path):
    for folder, seed in (("a", 1), ("b", 2)):
        write_run(tmp_path / folder, folder, mask={"accelerations": [4], "seed": seed})
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    assert {cell.rank for cell in result.cells.values()} == {0}
    assert "zero-filled (mask.seed=1) and zero-filled (mask.seed=2)" in result.notes[0]


def test_a_frame_has_a_row_per_cell(tmp_path):
    write_run(tmp_path / "a", values=TWO)
    frame = build_score_matrix(
        comparison_below(tmp_path).sections[0], metric_info("ssim")
    ).build_frame()
    assert len(frame) == 2 * 3
    assert frame.loc[(frame.method == "FL-MR") & (frame.site == "north"), "mean"].item() == 21


def test_the_row_of_all_sites_says_the_worst_one_and_the_spread(tmp_path):
    write_run(tmp_path / "a", values=TWO)
    frame = build_score_matrix(
        comparison_below(tmp_path).sections[0], metric_info("psnr")
    ).build_frame()
    row = frame[(frame["method"] == "FL-MR") & (frame["site"] == "all sites")].iloc[0]
    assert (row["worst"], row["worst_site"]) == (21, "north")
    assert row["sd_over_sites"] == pytest.approx(12 / 2**0.5)
    assert frame.loc[frame["site"] == "north", "worst_site"].isna().all()


def test_what_sites_trained_for_themselves_is_part_of_their_row(tmp_path):
    own = {"own": ["north"], "personal_training": {"north": {"steps": 20, "volumes": 2}}}
    write_run(tmp_path / "a", "tuned", TWO, **own)
    frame = build_score_matrix(
        comparison_below(tmp_path).sections[0], metric_info("psnr")
    ).build_frame()
    rows = frame[frame["method"] == "tuned"].set_index("site")
    assert tuple(rows.loc["north", ["weights", "personal_steps"]]) == ("personal", 20)
    assert rows.loc["north", "personal_volumes"] == 2
    assert rows.loc[["south", "all sites"], "personal_steps"].isna().all()
    assert rows["weights"].tolist() == ["personal", "global", "global+personal"]


def test_it_says_what_private_training_spent(tmp_path):
    write_run(tmp_path / "a", "DP", TWO, spent={"north": "ε=3 at δ=0.01 of each volume"})
    write_run(tmp_path / "b", "FL-MR", TWO)
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    assert result.notes == ["DP at north: ε=3 at δ=0.01 of each volume."]


def test_it_says_with_which_weights_sites_were_tested_where_some_are_private(tmp_path):
    weights = {"north": "its own", "south": "the shared ones"}
    write_run(tmp_path / "a", "FedPer", TWO, tested_with=weights)
    write_run(tmp_path / "b", "FL-MR", TWO)
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    assert result.notes == [
        "FedPer at north: tested with its own.", "FedPer at south: tested with the shared ones.",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["a", "b"])
def test_a_site_whose_data_differ_is_not_ranked_and_it_says_what_to_do(tmp_path, method):
    prints = {"north": "x", "south": "same"}
    write_run(tmp_path / "1", "a", TWO, prints=prints)
    write_run(tmp_path / "2", method, TWO, prints={**prints, "north": "y"})
    write_run(tmp_path / "3", "c", TWO, prints={"south": "same"})
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    assert {site for (_, site), cell in result.cells.items() if cell.rank} == {"south"}
    assert result.notes == [
        f"north: not ranked: its data differ in their fingerprint: x in {tmp_path / '1'} and "
        f"y in {tmp_path / '2'}; compare runs on equal data apart."
    ]


@pytest.mark.parametrize("method", ["a", "b"])
def test_a_volume_that_one_seed_lacks_is_told_and_nothing_is_ranked_there(tmp_path, method):
    write_run(tmp_path / "a", "a", TWO)
    write_run(tmp_path / "b", method, {**TWO, "north": (20.0,)}, seed=2)
    write_run(tmp_path / "c", method, TWO, seed=3)
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    assert {result.cells[name, "north"].rank for name in result.methods} == {0}
    assert result.notes == ["north: not ranked: tested on different volumes (1 or 2 of them)."]


def test_methods_whose_zero_filled_images_differ_are_not_ranked(tmp_path):
    # the same volumes by name, but of other data: their masks' and sites' configs are the same
    for folder, start in (("a", "10.0"), ("b", "10.1"), ("c", "10.001")):
        write_run(tmp_path / folder, folder, TWO)
        scores = tmp_path / folder / "scores.csv"
        scores.write_text(scores.read_text().replace("10.0", start))
    result = build_score_matrix(comparison_below(tmp_path).sections[0], metric_info("psnr"))
    assert {cell.rank for cell in result.cells.values()} == {0}
    why = "not ranked: tested on other images or masks"
    assert result.notes[0] == f"north: {why}: north/0, zero-filled, differs between runs."
    near = comparison_of(tmp_path / "a", tmp_path / "c").sections[0]
    assert build_score_matrix(near, metric_info("psnr")).notes == []
