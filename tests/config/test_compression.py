"""What may stand beside compression, and what becomes of the keys that were there before."""

import pytest
from omegaconf import OmegaConf

from flmrcm.config.allow_list import AllowList
from flmrcm.config.build import to_plain
from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import list_options
from flmrcm.config.identity import hash_config
from flmrcm.config.travelling import (
    TRAVELLING_GROUPS,
    accept_travelling_config,
    select_travelling_config,
)
from flmrcm.errors import ConfigErrors, SiteRefuses
from flmrcm.federation.middleware import Stage, sort_members
from flmrcm.middleware.compression.quantised import Quantised

SOMEWHERE = ("sites=bfhi", "data_dir=/data")


def compose(*words):
    return compose_config("train", [*SOMEWHERE, *words])


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        check_config(compose(*words))
    return caught.value.problems


def test_there_are_these_choices():
    choices = ["bf16", "int4", "int8", "none", "powersgd", "top_k"]
    assert sorted(list_options("compression")) == choices


def test_none_adds_no_member_and_changes_no_run():
    without = compose()
    assert "compression" not in check_config(without).middleware
    old = OmegaConf.create({k: v for k, v in to_plain(without).items() if k != "compression"})
    assert hash_config(_root_=without) == hash_config(_root_=old)
    assert hash_config(_root_=compose("compression=int8")) != hash_config(_root_=old)


def test_it_stands_between_update_and_masks():
    setup = check_config(compose("compression=int8", "compression.rounding=stochastic"))
    assert setup.middleware["compression"] == Quantised(8, "stochastic")
    stages = [member.stage for member in sort_members(setup.middleware)]
    assert stages == [Stage.WIRE, Stage.COMPRESSION, Stage.VALIDATION]


def test_it_travels_to_the_sites():
    sent = select_travelling_config(
        to_plain(compose("compression=top_k", "compression.share=0.01"))
    )
    assert sent["compression"]["share"] == 0.01


def test_a_site_builds_schemes_of_this_house_and_no_other_class():
    sent = select_travelling_config(to_plain(compose("compression=powersgd", "compression.rank=2")))
    allowed = AllowList((), TRAVELLING_GROUPS)
    assert accept_travelling_config(sent, "ixi", allowed)["compression"]["rank"] == 2
    sent["compression"]["_target_"] = "flmrcm.files.delete_stale"
    with pytest.raises(SiteRefuses, match="compression: names a class"):
        accept_travelling_config(sent, "ixi", allowed)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("middleware.wire.kind=bf16",),
            "use middleware.wire.kind=fp32, or compression=bf16 instead of it.",
        ),
        (
            ("strategy=fl_mr", "strategy.weighting=uniform", "privacy=dp_site",
             "privacy.where=sites"),
            "privacy.where=sites: what is rounded on the way adds up to another sum; use "
            "compression=none.",
        ),
        (("compression.bits=3",), "compression.bits=3: use one of 8, 4."),
        (("compression.bit=8",), "bit"),
    ],
)  # fmt: skip
def test_what_cannot_stand_beside_it_is_one_line(words, line):
    (problem,) = problems_of("compression=int8", *words)
    assert line in problem


def test_an_unknown_choice_names_the_nearest():
    assert "int8" in " ".join(problems_of_composing("compression=int9"))


def problems_of_composing(word):
    with pytest.raises(ConfigErrors) as caught:
        compose(word)
    return caught.value.problems
