"""What reports know about metrics: of the built-in ones all, of a run's own what it says."""

import json

import pytest

from flmrcm.errors import DataLayoutError
from flmrcm.learning.metrics import METRICS
from flmrcm.reports.metric_info import (
    BUILT_IN,
    MetricInfo,
    merge_infos,
    metric_info,
    read_metric_infos,
    sort_metrics,
)

HFEN = MetricInfo("hfen", "HFEN", "a.u.", 3, higher_is_better=False)


def write(folder, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "metrics.json").write_text(text)


def test_what_every_run_is_scored_by_is_built_in():
    assert set(BUILT_IN) == set(METRICS)


@pytest.mark.parametrize(
    ("name", "label", "value", "higher"),
    [("psnr", "PSNR (dB)", "31.46", True), ("ssim", "SSIM", "31.4567", True),
     ("nmse", "NMSE", "31.4567", False), ("hfen", "hfen", "31.4567", None)],
)  # fmt: skip
def test_a_metric_has_a_label_digits_and_a_direction(name, label, value, higher):
    info = metric_info(name)
    assert (info.label, info.format(31.45674), info.higher_is_better) == (label, value, higher)


def test_a_value_in_a_text_has_its_unit_unless_it_is_not_finite():
    psnr = metric_info("psnr")
    assert psnr.format_with_unit(31.4567) == "31.46 dB"
    assert psnr.format_with_unit(float("nan")) == psnr.format(float("nan")) == "not finite"


def test_the_built_in_ones_come_first_the_others_by_name():
    names = ["nmse", "lpips", "psnr", "hfen", "ssim", "hfen"]
    assert sort_metrics(names) == ["psnr", "ssim", "nmse", "hfen", "lpips"]


def test_what_a_run_says_counts_and_what_it_leaves_out_is_the_usual(tmp_path):
    write(tmp_path, {
        "hfen": {"title": "HFEN", "unit": "a.u.", "digits": 3, "higher_is_better": False},
        "lpips": {"higher_is_better": False, "made_by": "us"},
    })  # fmt: skip
    described = read_metric_infos(tmp_path)
    assert metric_info("hfen", described) == HFEN
    assert metric_info("lpips", described) == MetricInfo("lpips", "lpips", "", 4, False)
    assert metric_info("psnr", described) == BUILT_IN["psnr"]


def test_an_older_run_says_nothing(tmp_path):
    assert read_metric_infos(tmp_path) == {}


@pytest.mark.parametrize(
    "content",
    ["{", "[]", {"hfen": 3}, {"hfen": {"title": 3}}, {"hfen": {"digits": "two"}},
     {"hfen": {"digits": True}}, {"hfen": {"digits": -1}}, {"hfen": {"unit": None}},
     {"hfen": {"higher_is_better": "no"}}],
)  # fmt: skip
def test_a_damaged_description_is_named(tmp_path, content):
    write(tmp_path, content)
    with pytest.raises(DataLayoutError, match=r"metrics\.json: not a description of metrics"):
        read_metric_infos(tmp_path)


def test_of_several_runs_the_first_counts():
    other = MetricInfo("hfen", "other", "", 1, higher_is_better=False)
    assert merge_infos([{}, {"hfen": HFEN}, {"hfen": other}]) == {"hfen": HFEN}


def test_where_runs_disagree_on_what_is_better_nothing_is():
    other = MetricInfo("hfen", "HFEN", higher_is_better=True)
    two = [{"hfen": HFEN}, {"hfen": other}]
    for described in (two, two[::-1], [*two, {"hfen": HFEN}]):
        assert merge_infos(described)["hfen"].higher_is_better is None
