"""Latents before and after alignment."""

from flmrcm.reports.figures.figure_writer import DrawnFigure, MissingFigure
from flmrcm.reports.figures.journal_rows import group_runs
from flmrcm.reports.figures.latents import choose_latents, draw_latents

SAVED = {"saved": 3, "slices": 4}
BOTH = {**SAVED, "method": "FL-MRCM", "aligned_with": "west"}, {**SAVED, "method": "FL-MR"}


def test_methods_that_align_come_after_those_that_do_not(runs, tmp_path, plots):
    draw_latents(runs({**BOTH[0], "method": "A"}, BOTH[1]), tmp_path)
    heads = [axis.get_title("left") for axis in plots[0].axes[::3]]
    assert heads == ["FL-MR", "A, aligned with west"]


def test_each_point_is_a_slice_by_pca_and_by_tsne(runs, tmp_path, plots):
    draw_latents(runs(BOTH[1]), tmp_path)
    for axis in plots[0].axes[:2]:
        assert [len(site.get_offsets()) for site in axis.collections] == [12, 12]
    assert plots[0].axes[1].get_xlabel() == "t-SNE"


def test_numbers_stand_beside(runs, tmp_path, plots):
    draw_latents(runs(BOTH[1]), tmp_path)
    numbers = plots[0].axes[2]
    assert numbers.get_title("left").startswith("site accuracy: ")
    assert numbers.get_title("left").endswith("(chance 0.50)")
    assert float(numbers.texts[0].get_text()) > 0, "east and west differ"


def test_the_distances_of_all_methods_share_one_scale(runs, tmp_path, plots):
    draw_latents(runs(*BOTH), tmp_path)
    scales = {axis.images[0].get_clim() for axis in plots[0].axes[2::3]}
    assert len(scales) == 1


def test_sites_that_nothing_tells_apart_have_a_squared_mmd_below_zero(runs, tmp_path, plots):
    (outcome,) = draw_latents(runs({**BOTH[1], "same_latents": True}), tmp_path)
    assert isinstance(outcome, DrawnFigure)
    distances = plots[0].axes[2]
    assert float(distances.texts[0].get_text().replace("−", "-")) < 0
    lowest, highest = distances.images[0].get_clim()
    assert lowest < highest


def test_sites_look_alike_in_all_panels(runs, tmp_path, plots):
    draw_latents(runs(*BOTH), tmp_path)
    panels = [axis for n, axis in enumerate(plots[0].axes) if n % 3 < 2]
    colours = [[tuple(c.get_facecolor()[0]) for c in axis.collections] for axis in panels]
    assert len(colours) == 4
    assert all(result == colours[0] for result in colours)


def test_the_first_target_and_the_lowest_seed_stand_for_a_method(runs):
    fakes = [
        {**BOTH[0], "aligned_with": site, "seed": seed}
        for site in ("west", "east")
        for seed in (2, 1)
    ]
    settings = {"settings": {"scenario": "participating"}}
    comparison = runs(*({**fake, **settings} for fake in fakes))
    ((run, _),) = choose_latents(group_runs(comparison.sections[0])).values()
    assert (run.aligned_with, run.seed) == ("east", 1)


def test_a_site_with_one_volume_has_no_accuracy_and_says_so(runs, tmp_path, plots):
    draw_latents(runs({"saved": 1, "slices": 4}), tmp_path)
    assert "needs two volumes" in plots[0].axes[2].get_title("left")


def test_the_caption_tells_how_many_slices_were_drawn(runs, tmp_path, plots):
    (result,) = draw_latents(runs(BOTH[1]), tmp_path)
    assert "24 slices of one run" in result.caption


def test_without_latents_there_is_a_reason(runs, tmp_path):
    (result,) = draw_latents(runs({}), tmp_path)
    assert isinstance(result, MissingFigure)
    assert "save=" in result.reason


def test_the_files_are_written(runs, tmp_path):
    (result,) = draw_latents(runs(BOTH[1]), tmp_path)
    assert isinstance(result, DrawnFigure)
    assert result.pdf.stat().st_size > 1000
