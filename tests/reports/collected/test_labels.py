"""A label has the settings that differ, but not those that can't change a number."""

import pytest

from flmrcm.reports.collected.labels import describe_differences, format_label, list_settings


def test_a_setting_that_differs_is_told_by_its_full_key():
    result = describe_differences(
        {"a": {"mask": {"seed": 0}, "x": 1}, "b": {"mask": {"seed": 1}, "x": 1}}
    )
    assert result == {"a": "mask.seed=0", "b": "mask.seed=1"}


@pytest.mark.parametrize("key", ["seed", "name", "logger", "compute", "method", "scenario"])
def test_what_changes_no_number_of_a_method_is_not_told(key):
    assert set(describe_differences({"a": {key: {"x": 1}}, "b": {key: {"x": 2}}}).values()) == {""}


def test_a_key_is_left_out_on_demand_but_not_its_namesakes():
    configs = {"a": {"target": 1, "targets": 1}, "b": {"target": 2, "targets": 2}}
    assert describe_differences(configs, ignored=["target"]) == {"a": "targets=1", "b": "targets=2"}


def test_only_some_keys_count_on_demand():
    configs = {"a": {"mask": 1, "rounds": 1}, "b": {"mask": 2, "rounds": 2}}
    assert describe_differences(configs, below=["mask"]) == {"a": "mask=1", "b": "mask=2"}


def test_a_missing_key_differs_from_one_that_is_there():
    assert describe_differences({"a": {}, "b": {"x": 1}}) == {"a": "x=None", "b": "x=1"}


def test_one_run_alone_has_nothing_to_tell():
    assert describe_differences({"a": {"x": 1}}) == {"a": ""}


def test_classes_are_told_by_their_last_name():
    configs = {"a": {"mask": "flmrcm.mri.masks.Random"}, "b": {"mask": "x.Equispaced"}}
    assert describe_differences(configs) == {"a": "mask=Random", "b": "mask=Equispaced"}


def test_long_lists_of_differences_are_cut():
    result = describe_differences({"a": dict.fromkeys("klmno", 1), "b": dict.fromkeys("klmno", 2)})
    assert result["a"] == "k=1, l=1, m=1 and 2 more"


def test_what_another_class_brings_along_is_not_told():
    unet = {"model": {"_target_": "x.UNet", "channels": 16}, "rate": 1}
    cascade = {"model": {"_target_": "x.Cascade", "layers": 5}, "rate": 3}
    assert describe_differences({"a": unet, "b": cascade, "c": cascade}) == {
        "a": "model=UNet, rate=1", "b": "model=Cascade, rate=3", "c": "model=Cascade, rate=3",
    }  # fmt: skip


def test_a_key_that_came_later_is_not_told_while_it_changes_nothing():
    configs = {"before": {"local": {}}, "now": {"local": {"accumulate": 1, "schedule": "step"}}}
    assert set(describe_differences(configs).values()) == {""}
    configs["other"] = {"local": {"accumulate": 4, "schedule": "step"}}
    assert describe_differences(configs) == {
        "before": "local.accumulate=1", "now": "local.accumulate=1", "other": "local.accumulate=4",
    }  # fmt: skip


def test_what_differs_within_a_class_is_told():
    models = {"a": ("x.UNet", 16), "b": ("x.UNet", 32), "c": ("x.Cascade", None)}
    configs = {run: {"m": {"_target_": c, "width": w}} for run, (c, w) in models.items()}
    assert describe_differences(configs)["b"] == "m=UNet, m.width=32"


def test_runs_that_differ_never_have_the_same_label():
    # the fourth key alone tells b from c; their scores would be averaged as those of one method
    values = {"a": (1, 1, 1, 1), "b": (2, 2, 2, 1), "c": (2, 2, 2, 2)}
    labels = describe_differences(
        {run: dict(zip("klmn", own, strict=True)) for run, own in values.items()}
    )
    assert labels["b"] == "k=2, l=2, n=1 and 1 more"
    assert len(set(labels.values())) == 3


def test_a_name_with_nothing_to_tell_stays_bare():
    assert (format_label("FL", ""), format_label("FL", "x=1")) == ("FL", "FL (x=1)")


def test_every_setting_has_its_full_key():
    assert dict(list_settings({"a": {"b": 1, "c": {"d": []}}, "e": None})) == {
        "a.b": 1, "a.c.d": [], "e": None,
    }  # fmt: skip


def test_where_data_lie_is_not_told():
    configs = {
        machine: {"data_dir": machine, "sites": {"a": {"root": machine, "generator": {"cache": 1}}}}
        for machine in ("here", "there")
    }
    assert set(describe_differences(configs).values()) == {""}
