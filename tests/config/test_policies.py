"""Policies, engines and quorums that exclude a run are reported before it starts."""

from pathlib import Path

import pytest

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.policies import read_policy
from flmrcm.engines.in_process import InProcess
from flmrcm.errors import ConfigErrors

FL_MR = "strategy=fl_mr"


def compose(words):
    """Return a config with a network that is built in no time."""
    return compose_config("train", ["model.channels=2", *words])


def problems_of(*words):
    with pytest.raises(ConfigErrors) as caught:
        check_config(compose(words))
    return caught.value.problems


@pytest.fixture
def remote(monkeypatch):
    """Make the engine one whose sites are on other machines."""
    monkeypatch.setattr(InProcess, "on_one_machine", False)
    monkeypatch.setattr(InProcess, "can_interrupt", True)


@pytest.fixture
def policy(tmp_path):
    """Return a function that writes a policy and returns the word that names it."""
    path = tmp_path / "policy.yaml"

    def written(text="operations: [join, train]", site="sim_b"):
        path.write_text(text)
        return f"sites.{site}.policy={path}"

    return written


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["robust.quorum=5"], "robust.quorum=5: only 4 sites train in a round."),
        (["robust.quorum=3", "participation=0.5"], "only 2 sites train"),
        (["robust.quorum=some"], "robust.quorum=some: a whole number or null."),
        (["robust.suspend_after=2"], "robust.suspend_after: needs robust.quorum"),
        (["robust.timeout=60"], "robust.timeout=60: InProcess can't interrupt a call; use null."),
        ([FL_MR, "strategy.aggregation=krum"], "needs 5 replies, but a round may have 4"),
        (
            [FL_MR, "strategy.aggregation=trimmed_mean", "robust.quorum=2"],
            "needs 3 replies, but a round may have 2",
        ),
        (
            [FL_MR, "strategy.aggregation=mode"],
            "strategy.aggregation=mode: use one of mean, median",
        ),
        (["strategy=scaffold", "strategy.aggregation=median"], "SCAFFOLD averages"),
        (
            ["strategy=fl_mrcm_latent", "strategy.target_failure=skp"],
            "Did you mean 'skip'?",
        ),
    ],
)
def test_a_contradiction_is_one_line(words, line):
    (problem,) = problems_of(*words)
    assert line in problem


@pytest.mark.parametrize(
    "words",
    [
        ["robust.quorum=3", "robust.suspend_after=2", "middleware.reply_validation.norm_factor=10"],
        [FL_MR, "strategy.aggregation=median", "robust.quorum=2"],
        [FL_MR, "strategy.aggregation=krum", "strategy.faulty=0", "robust.quorum=3"],
        ["strategy=fl_mrcm_latent", "strategy.target_failure=reuse"],
    ],
)
def test_a_config_without_contradictions_is_built(words):
    assert check_config(compose(words)).plan.tolerance


@pytest.mark.parametrize("word", ["strategy=fl_mrcm", "pooled=true"])
def test_images_are_shown_on_one_machine_only(remote, word):
    strategy = [] if "strategy" in word else [FL_MR]
    (problem,) = problems_of(word, *strategy)
    assert "or engine=in_process." in problem


@pytest.mark.parametrize("strategy", ["fl_mr", "fl_mrcm_latent", "scaffold"])
def test_strategies_without_images_run_anywhere_and_may_have_a_time_out(remote, strategy):
    assert check_config(compose([f"strategy={strategy}", "robust.timeout=60"]))


def test_a_site_with_a_policy_never_shows_its_images(policy):
    (problem,) = problems_of("strategy=fl_mrcm", "target=sim_b", policy())
    assert "sites.sim_b.policy: images never leave it" in problem
    assert "strategy=fl_mrcm_latent" in problem
    assert "pooled=false" in problems_of(FL_MR, "pooled=true", policy())[0]
    assert check_config(compose(["strategy=fl_mrcm", "target=sim_h", policy()]))


def test_policies_are_read_by_site(policy):
    setup = check_config(
        compose([FL_MR, policy("operations: [join, train]\nmost_calls: {train: 3}")])
    )
    assert list(setup.gates) == ["sim_b"]
    policy = setup.gates["sim_b"].policy
    assert list(policy.operations) == ["join", "train"]
    assert policy.most_calls == {"train": 3}


def test_a_site_that_may_not_join_is_told_before_the_run(policy):
    (problem,) = problems_of(FL_MR, policy("operations: [train]"))
    assert "sites.sim_b.policy: join isn't among its operations" in problem


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("operations: [trian]", "Did you mean 'train'?"),
        ("operatons: [train]", "there is no such key. Did you mean 'operations'?"),
        ("operations: train", "a list, each a word"),
        ("largest_message: big", "a number or null"),
        ("payloads: [images]", "images never leave a site"),
        ("most_calls: 3", "most_calls=3: lines of KEY: VALUE, each value a whole number."),
        ("- train", "isn't lines of KEY: VALUE"),
        ("a: [", "isn't lines of KEY: VALUE"),
    ],
)
def test_a_bad_policy_names_its_file(policy, text, line):
    problems = problems_of(FL_MR, policy(text))
    assert len(problems) == 1
    assert "policy.yaml: " in problems[0]
    assert line in problems[0]


def test_a_missing_policy_is_one_line():
    (problem,) = problems_of(FL_MR, "sites.sim_b.policy=/nowhere/policy.yaml")
    assert "/nowhere/policy.yaml: No such file or directory." in problem


def test_an_empty_policy_is_the_careful_default(tmp_path):
    (tmp_path / "policy.yaml").write_text("{}")
    assert read_policy(tmp_path / "policy.yaml").payloads == ("weights", "metrics")


def test_the_policy_in_the_docs_is_one():
    policy = read_policy(Path(__file__).parents[2] / "docs" / "site-policy.yaml")
    assert policy.most_calls == {"survey": 0, "train": 50}
    assert policy.strategies == ["FedAvg", "FedProx"]


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_what_is_left_of_a_policy_that_was_cut_short_allows_nothing(tmp_path, text):
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(ConfigErrors, match="is empty"):
        read_policy(tmp_path / "policy.yaml")
