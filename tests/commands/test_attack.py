"""`flmrcm attack`: messages are made again as they were sent, and attacked, as a user types it."""

import json
from hashlib import blake2b
from pathlib import Path

import pytest
import torch
from kits.laws import equal

from flmrcm.app import main
from flmrcm.config.compose import compose_config
from flmrcm.federation.checkpoint import read_checkpoint
from flmrcm.runs.attack import prepare_attack
from flmrcm.strategies.aggregation import average_replies

TRAIN = ["sites=bfhi", "data_dir=data", "rounds=2", "logger=csv", "participants=BF", "compute=cpu"]
TRAIN += ["size=tiny", "model.pools=1", "engine.threads=1", "local.batch_size=4"]
KINDS = {
    "inversion": ["kind.iterations=2", "kind.restarts=2"],
    "membership": ["kind.shadows=8", "kind.steps=1"],
    "site_inference": ["kind.rounds=1"],
    "latent_inversion": ["kind.decoder_steps=2", "kind.iterations=2", "target=B",
                         "strategy=fl_mrcm_latent"],
}  # fmt: skip


def train(*words):
    main(["train", *TRAIN, *words])
    (run,) = Path("outputs/train").iterdir()
    return run


def prepare(run, kind, *words):
    asked = compose_config("attack", [f"kind={kind}", f"checkpoint={run}/checkpoints/{words[0]}"])
    return prepare_attack(asked, list(words[1:])).attacked


def digest(folder):
    """Return what a folder holds, file by file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path: blake2b(path.read_bytes()).digest() for path in files}


def refused(capsys, *words):
    """Return the line that a command ends with."""
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["attack", *words])
    line = capsys.readouterr().err
    assert line.count("\n") == 1, line
    return line


@pytest.mark.parametrize(
    "words",
    [["strategy=fl_mr"], ["strategy=fl_mr", "privacy=dp_volume", "privacy.target_epsilon=99"],
     ["strategy=fl_mrcm_latent", "target=B"], ["strategy=fl_mr", "middleware.wire.kind=bf16"]],
    ids=lambda words: words[-1],
)  # fmt: skip
def test_messages_are_made_again_as_they_were_sent(hospitals, words):
    """Their mean is what the run's own round came to; the run's folder is left as it was."""
    run = train(*words)
    before, attacked = digest(run), prepare(run, "inversion", "round_0000.pt")
    sites = {name: attacked.sites[name] for name in attacked.participants}
    replies = attacked.messages.send("train", 1, sites)
    made = average_replies([replies[name] for name in sorted(replies)], "uniform", 1.0)
    assert equal(made, read_checkpoint(run / "checkpoints/round_0001.pt").weights)
    assert digest(run) == before


def test_the_network_of_a_compiled_run_is_attacked_as_it_is_written(hospitals, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda part: compiled.append(part))
    run = train("strategy=fl_mr", "compute.compile=true")
    assert compiled.pop()
    attacked = prepare(run, "inversion", "round_0000.pt")
    attacked.messages.send("train", 1, {"brats": attacked.sites["brats"]})
    assert not compiled


def test_policies_and_budget_books_are_not_touched(hospitals):
    house = Path("house")
    house.mkdir()
    (house / "policy.yaml").write_text("{fewest_slices: 1, fewest_steps: 1, fewest_volumes: 1}")
    dp = ["privacy=dp_volume", "privacy.target_epsilon=99"]
    run = train("strategy=fl_mr", *dp, "sites.brats.policy=house/policy.yaml")
    before, attacked = digest(house), prepare(run, "inversion", "round_0000.pt")
    assert len(before) > 1  # calls and spending, counted
    attacked.messages.send("train", 1, {"brats": attacked.sites["brats"]})
    assert digest(house) == before


def test_words_of_training_say_what_the_same_round_would_have_sent(hospitals):
    run = train("strategy=fl_mr")
    noised = ["round_0000.pt", "privacy=dp_volume", "privacy.noise=1"]
    plain, private = (prepare(run, "inversion", *words) for words in (["round_0000.pt"], noised))
    updates = [
        a.find_update(a.messages.send("train", 1, {"brats": a.sites["brats"]})["brats"])
        for a in (plain, private)
    ]
    assert not equal(*updates)
    assert all(torch.isfinite(tensor).all() for tensor in updates[1].values())


def test_a_round_is_as_long_as_the_runs_own_budget_makes_it(hospitals):
    run = train("strategy=fl_mr", "rounds=1")
    given = ([], ["budget=steps"], ["participation=0.5"])
    plain, longer, drawn = (prepare(run, "membership", "last.pt", *words) for words in given)
    assert longer.count_steps(longer.attacked) > plain.count_steps(plain.attacked)
    assert (plain.share, longer.share, drawn.share) == (1, 1, 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_each_attack_writes_its_finding_and_a_figure(hospitals, kind, capsys):
    run = train("strategy=fl_mr")
    place = f"checkpoint={run}/checkpoints/last.pt"
    main(["attack", f"kind={kind}", place, "output=found", *KINDS[kind]])
    found = json.loads(Path("found/attack.json").read_text())
    assert found["kind"]["_target_"].startswith("flmrcm.attacks.")
    assert (found["round"], found["site"]) == (2, "brats")
    assert Path("found/attack.png").stat().st_size > 5000
    said = capsys.readouterr().out
    assert "guessing" in said
    assert "written: found, attack.json and attack.png" in said


def test_what_cannot_be_attacked_is_one_line(hospitals, capsys):
    run = train("strategy=fl_mr")
    last = f"checkpoint={run}/checkpoints/last.pt"
    lines = {
        (last,): "kind: give kind=NAME, one of inversion, latent_inversion",
        ("kind=membershp", last): "Did you mean 'membership'?",
        ("kind=inversion",): "checkpoint: give checkpoint=FILE.",
        ("kind=inversion", "checkpoint=none.pt"): "there is no such checkpoint",
        ("kind=inversion", last, "kind.restart=2"): "restarts",
        ("kind=inversion", last, "kind.restarts=0"): "kind.restarts: at least 1; got 0.",
        ("kind=inversion", last, "site=ixi"): "site=ixi: doesn't train, and sends no update.",
        ("kind=inversion", last, "site=nobody"): "site=nobody: no such site",
        ("kind=latent_inversion", last): "strategy=fl_mrcm_latent does",
        ("kind=membership", last, "strategy=fedper"): "stay at the sites",
        ("kind=membership", last, "pooled=true"): "no message crossed",
        ("kind=inversion", last, "secure_aggregation=bonawitz"): "a single masked message",
        ("kind=inversion", last, "engine=flower"): "only one's own are attacked",
    }
    for words, expected in lines.items():
        line = refused(capsys, *words)
        assert expected in line
    torch.save(read_checkpoint(run / "checkpoints/last.pt").weights, "bare.pt")
    assert "not of an flmrcm run" in refused(capsys, "kind=inversion", "checkpoint=bare.pt")
