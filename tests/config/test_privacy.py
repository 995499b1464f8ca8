"""What `privacy=` builds, what it may not stand beside, and where a site's budget book lies."""

import pytest

from flmrcm.config.build import to_plain
from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.middleware import build_site_chain
from flmrcm.config.travelling import select_travelling_config
from flmrcm.errors import ConfigErrors
from flmrcm.middleware.dp_site import DPSite
from flmrcm.middleware.dp_volume import DPVolume
from flmrcm.remote.site_settings import SiteSettings

WORDS = ["sites=simulated_pair", "compute=cpu", "model.channels=2"]


def check(*words):
    return check_config(compose_config("train", [*WORDS, *words]))


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        check(*words)
    return caught.value.problems


def test_nothing_is_private_by_default():
    assert "privacy" not in check().middleware


@pytest.mark.parametrize(("word", "kind"), [("dp_volume", DPVolume), ("dp_site", DPSite)])
def test_a_word_builds_a_member_of_its_defaults(word, kind):
    assert check("strategy=fl_mr", f"privacy={word}").middleware["privacy"] == kind()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["strategy=fl_mrcm", "privacy=dp_volume"], "privacy=dp_volume: FL-MRCM lets more of a"),
        (["strategy=ditto", "privacy=dp_volume"], "privacy=dp_volume: Ditto lets more of a volume"),
        (
            ["strategy=fl_mr", "model=modl", "privacy=dp_volume"],
            "MoDL's denoiser.features.1 is a BatchNorm2d",
        ),
        (["strategy=scaffold", "privacy=dp_site"], "privacy=dp_site: SCAFFOLD lets more of a site"),
        (
            [
                "strategy=fl_mr",
                "privacy=dp_site",
                "privacy.where=sites",
                "middleware.wire.kind=fp16",
            ],
            "privacy.where=sites: what is rounded",
        ),
        (["strategy=fl_mr", "privacy=dp_volume", "privacy.noise=much"], "a number or null"),
        (["strategy=fl_mr", "privacy=dp_volume", "privacy.clip=0"], "privacy.clip: above 0; got 0"),
    ],
)
def test_a_contradiction_is_one_line(words, line):
    (problem,) = problems_of(*words)
    assert line in problem


def test_a_site_with_a_policy_counts_beside_it_and_nearest_to_the_transport(tmp_path):
    path = tmp_path / "ours.yaml"
    path.write_text("largest_epsilon: 3\n")
    words = "strategy=fl_mr", "privacy=dp_volume", f"sites.sim_b.policy={path}"
    setup = check(*words)
    gate = setup.gates["sim_b"]
    assert gate.budget == tmp_path / "ours.privacy.csv"
    names = [type(half).__name__ for half in build_site_chain(setup, "sim_b", tmp_path)]
    # before the ledger alone: what the policy keeps inside is not counted
    assert names[:3] == ["_SiteLedger", "_Account", "_Gate"]
    assert names[-2:] == ["_PrivateSite", "SiteHalf"]


def test_a_cap_below_nothing_is_one_line(tmp_path):
    path = tmp_path / "ours.yaml"
    path.write_text("largest_epsilon: -1\n")
    (problem,) = problems_of("strategy=fl_mr", f"sites.sim_b.policy={path}")
    assert "largest_epsilon: above 0, or null; got -1" in problem


def test_a_site_elsewhere_keeps_a_book_with_and_without_a_policy(tmp_path):
    config = compose_config("train", [*WORDS, "strategy=fl_mr", "privacy=dp_volume"])
    travels = select_travelling_config({**to_plain(config), "participants": ["sim_b"]})
    for policy, name in ((None, "site"), ("rules.yaml", "rules")):
        settings = SiteSettings(tmp_path, "sim_b", {"root": "data"}, policy=policy)
        client = settings.build_client(travels, "0" * 16, None)
        (account,) = [half for half in client.chain if type(half).__name__ == "_Account"]
        assert account.book.path == tmp_path / f"{name}.privacy.csv"
