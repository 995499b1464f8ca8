"""What may be typed beside `resume=`: nothing that would make it another experiment."""

import pytest

from flmrcm.commands.train import main
from flmrcm.config.build import to_plain
from flmrcm.config.compose import compose_config
from flmrcm.errors import ConfigErrors, FlmrcmError
from flmrcm.runs.folder import RunFolder
from flmrcm.runs.resume import compose_resumed


@pytest.fixture
def resume(tmp_path):
    """Return a function that lays words over a begun run's config."""
    RunFolder(tmp_path).write_config(to_plain(compose_config("train", ["debug=tiny"])))
    return lambda *words: compose_resumed([f"resume={tmp_path}", *words])[0]


@pytest.mark.parametrize(
    "word",
    [
        "data.seed=1", "data.resolution=128", "data.clamp_target=true", "data.simulated.size=64",
        "data.skip_broken=true", "seed=9", "mask.seed=5", "local.epochs=3", "budget=steps",
        "local.optimizer.lr=1", "strategy.weight=2", "participants=target", "contrast=T2",
        "robust.suspend_after=2", "test.checkpoint=best", "model.channels=3", "pooled=true",
        "middleware.wire.kind=bf16", "validate_every=2", "participation=0.5", "coils=multi",
        "local.schedule=cosine", "local.accumulate=2", "ema.decay=0.9", "augmentation=flips",
        "compute.precision=bf16-mixed",
    ],
)  # fmt: skip
def test_what_changes_the_experiment_is_refused(resume, word):
    with pytest.raises(ConfigErrors, match="the run was begun with"):
        resume(word)


def test_another_machine_does_not_change_the_precision_in_passing(tmp_path):
    words = ["debug=tiny", "compute.precision=bf16-mixed"]
    RunFolder(tmp_path).write_config(to_plain(compose_config("train", words)))
    with pytest.raises(ConfigErrors, match="begun with bf16-mixed, now 32-true is asked"):
        compose_resumed([f"resume={tmp_path}", "compute=cpu"])
    moved = ["compute=cpu", "compute.precision=bf16-mixed", "compute.workers=1"]
    changed, _ = compose_resumed([f"resume={tmp_path}", *moved])
    assert (changed.compute.workers, changed.compute.precision) == (1, "bf16-mixed")


def test_an_evaluation_is_not_trained_over(tmp_path):
    config = {**to_plain(compose_config("train", ["debug=tiny"])), "evaluate": {"split": "test"}}
    RunFolder(tmp_path).write_config(config)
    with pytest.raises(FlmrcmError, match="holds an evaluation"):
        compose_resumed([f"resume={tmp_path}"])


@pytest.mark.parametrize("flags", [["--cfg", "job"], ["-i"], ["--resolve"]])
def test_a_flag_that_shows_the_config_of_a_resumed_run_begins_nothing(
    tmp_path, monkeypatch, capsys, flags
):
    RunFolder(tmp_path).write_config(to_plain(compose_config("train", ["debug=tiny"])))
    monkeypatch.setattr("flmrcm.runs.training.launch", lambda *_, **__: pytest.fail("it began"))
    main([f"resume={tmp_path}", "rounds=7", *flags])
    assert "rounds: 7" in capsys.readouterr().out


def test_what_changes_no_number_is_taken(resume):
    changed = resume("rounds=9", "data.cache=ram", "keep_every=1", "compute.workers=1")
    assert (changed.rounds, changed.data.cache, changed.keep_every) == (9, "ram", 1)
    assert changed.compute.workers == 1


def test_a_run_that_stopped_early_may_be_given_more_patience(resume):
    assert resume("early_stopping.patience=9").early_stopping.patience == 9


@pytest.mark.parametrize("kind", ["cosine", "warmup_cosine"])
def test_a_schedule_that_followed_the_rounds_allows_no_other_number_of_them(tmp_path, kind):
    def begin(*words):
        words = ["debug=tiny", f"local.schedule={kind}", *words]
        RunFolder(tmp_path).write_config(to_plain(compose_config("train", words)))

    begin()
    with pytest.raises(ConfigErrors, match=f"rounds: local.schedule={kind} falls over the 1 "):
        compose_resumed([f"resume={tmp_path}", "rounds=9"])
    begin("local.schedule_rounds=9")
    assert compose_resumed([f"resume={tmp_path}", "rounds=9"])[0].rounds == 9


@pytest.mark.parametrize("names", [[], ["wandb"]])
def test_a_run_from_before_the_choice_of_scalars_may_choose_and_keeps_its_loggers(tmp_path, names):
    config = to_plain(compose_config("train", ["debug=tiny"]))
    config["logger"] = {name: config["logger"][name] for name in names}
    RunFolder(tmp_path).write_config(config)
    changed, _ = compose_resumed([f"resume={tmp_path}", "logger.scalars=all"])
    assert to_plain(changed["logger"]) == {**config["logger"], "scalars": "all"}
