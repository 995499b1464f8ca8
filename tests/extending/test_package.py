"""What the page on extending says, done: a package of one's own beside an installed flmrcm.

Its entry point brings its configs along; the two runs that need the place typed say so.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import torch
from kits.environment import PACKAGE, ROOT, Environment

import flmrcm
from flmrcm.federation.checkpoint import Checkpoint, read_checkpoint

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/extending.md").read_text()
TYPED = "searchpath=[pkg://mymri.conf]"
CLIPPED = "clipped"


@pytest.fixture(scope="module")
def runs(environment, tmp_path_factory) -> Iterator[Callable[[str], Path]]:
    """Begin everything, two processes at once; give the folder of a run when it has ended."""
    folder = tmp_path_factory.mktemp("runs")
    with ThreadPoolExecutor(2) as pool:
        begun: dict[str, Future[subprocess.CompletedProcess[str]]] = {
            name: pool.submit(environment.run, folder / name, "flmrcm", *words, **variables)
            for name, (words, variables) in list_runs(environment, folder).items()
        }

        def get(name: str) -> Path:
            done = begun[name].result()
            assert done.returncode == 0, done.stdout + done.stderr
            (config,) = (folder / name).glob("outputs/*/*/config.yaml")
            return config.parent

        yield get


def list_runs(
    environment: Environment, folder: Path
) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return each run of the page by its group, and two that the page only speaks of."""
    runs = {}
    for line in re.findall(r"^flmrcm (train debug=tiny .*)$", PAGE, re.MULTILINE):
        words = [*(word.strip("'") for word in line.split()), "logger=csv"]
        assert not any("searchpath" in word for word in words)
        name = next(word for word in words if word.endswith(CHOICES)).split("=")[0]
        runs[name] = words, {}
    near = {"PYTHONPATH": str(PACKAGE)}
    typed = [*runs["middleware"][0], f"hydra.searchpath=[file://{PACKAGE}/mymri/conf]", "rounds=2"]
    runs["straight"] = typed, near
    inside = copy_into_flmrcm(environment, folder / "flmrcm_with_mymri")
    chosen = [*INSIDE, "+mask@sites.sim_b.mask=plane", "logger=csv"]
    runs["inside"] = ["train", "debug=tiny", *chosen], {"PYTHONPATH": str(inside)}
    return runs


CHOICES = ("=with_hfen", "=charbonnier", "=plane", "=cnn", "=heavy_ball", "=clipped")
INSIDE = (
    "metrics=with_hfen", "loss=charbonnier", "model=cnn", "strategy=heavy_ball",
    "middleware=clipped",
)  # fmt: skip


def copy_into_flmrcm(environment: Environment, folder: Path) -> Path:
    """Do what the page's last section says to a copy of the installed package."""
    shutil.copytree(environment.site / "flmrcm", folder / "flmrcm")
    table = PAGE.split("\n## In this package\n")[1]
    places = dict(re.findall(r"^\| `mymri/(\w+)\.py` \| `(\S+)\.py` \|$", table, re.MULTILINE))
    assert {f"{name}.py" for name in places} == {
        path.name for path in (PACKAGE / "mymri").glob("*.py") if path.stem != "__init__"
    }
    for name, place in places.items():
        source = (PACKAGE / "mymri" / f"{name}.py").read_text()
        for public in re.findall(r"^from flmrcm import (\w+)$", source, re.MULTILINE):
            full = f"from flmrcm.{flmrcm._MODULES[public]} import {public}"
            source = source.replace(f"from flmrcm import {public}", full)
        folder.joinpath(f"{place}.py").write_text(source)
    for config in (PACKAGE / "mymri/conf").rglob("*.yaml"):
        text = re.sub(
            r"mymri\.(\w+)", lambda found: places[found[1]].replace("/", "."), config.read_text()
        )
        target = folder / "flmrcm" / config.relative_to(PACKAGE / "mymri")
        assert not target.exists()
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    return folder


def read_journal(run: Path, split: str, metric: str) -> pd.Series:
    rows = pd.read_csv(run / "journal.csv")
    return rows[(rows["split"] == split) & (rows["metric"] == metric)]["value"]


def read_last(run: Path) -> Checkpoint:
    return read_checkpoint(run / "checkpoints/last.pt")


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_a_metric_is_in_journal_and_scores(runs):
    run = runs("metrics")
    assert len(read_journal(run, "val", "hfen")) == 2 * 4  # sites, conventions
    scores = pd.read_csv(run / "scores.csv")
    assert set(scores["metric"]) == {"psnr", "ssim", "nmse", "hfen"}
    assert scores[scores["metric"] == "hfen"]["value"].between(0, 2).all()
    assert json.loads((run / "metrics.json").read_text())["hfen"]["higher_is_better"] is False


def test_a_metric_is_in_the_tables_of_compare(runs, environment):
    run = runs("metrics")
    done = environment.run(run, "flmrcm", "compare", str(run), "--output", "compared")
    assert done.returncode == 0, done.stderr
    assert "HFEN" in (run / "compared/tables.md").read_text()


def test_a_loss_is_what_is_trained_with(runs):
    plain, own = runs("metrics"), runs("loss")
    assert (read_journal(own, "train", "loss") < read_journal(plain, "train", "loss")).all()
    assert not equal(read_last(own).weights, read_last(plain).weights)


def test_a_mask_of_rows_and_columns_measures_exactly_what_it_says(runs):
    found = read_journal(runs("mask"), "train", "acceleration")
    assert found.tolist() == pytest.approx([32 * 32 / 205] * len(found))  # 1024 / 5 = 204.8
    assert len(found) == 2


def test_evaluate_finds_the_configs_where_the_run_found_them(runs, environment):
    run = runs("loss")
    words = [f"checkpoint={run}/checkpoints/last.pt", "mask=plane", "mask.accelerations=[2]"]
    done = environment.run(run, "flmrcm", "evaluate", *words, "trust=true", "output=scored")
    assert done.returncode == 0, done.stderr
    assert "mymri.plane_mask.PlaneMask" in (run / "scored/config.yaml").read_text()
    assert len(pd.read_csv(run / "scored/scores.csv"))


def test_a_model_has_the_size_that_its_own_file_says(runs):
    weights = read_last(runs("model")).weights
    assert [tuple(w.shape[:2]) for n, w in weights.items() if n.endswith("weight")] == [
        (4, 1), (4, 4), (1, 4)
    ]  # fmt: skip


def test_a_model_without_a_latent_is_refused_by_fl_mrcm_before_anything_starts(
    environment, tmp_path
):
    words = ["debug=tiny", TYPED, "model=cnn"]
    done = environment.run(tmp_path / "empty", "flmrcm", "train", *words)
    assert done.returncode == 2
    assert "FL-MRCM aligns latents, and CNN has none" in done.stderr
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_strategy_keeps_its_state_in_the_checkpoint(runs):
    run = runs("strategy")
    assert any(tensor.any() for tensor in read_last(run).extras["velocity"].values())
    assert "HeavyBall" in set(pd.read_csv(run / "scores.csv")["method"])


def test_a_middleware_counts_on_both_sides_and_is_resumed_bit_for_bit(runs, environment):
    run, straight = runs("middleware"), runs("straight")
    assert read_journal(run, "train", CLIPPED).tolist() == [1, 1]
    words = re.findall(r"^flmrcm (train resume=.*)$", PAGE, re.MULTILINE)[0].split()
    words = [word.replace("outputs/clipped/RUN", str(run)) for word in words]
    done = environment.run(run, "flmrcm", *words)
    assert done.returncode == 0, done.stderr
    one, other = read_last(run), read_last(straight)
    assert equal(one.weights, other.weights)
    assert equal(one.extras[CLIPPED], other.extras[CLIPPED])
    assert {int(times) for times in one.extras[CLIPPED].values()} == {2}
    for site in ("sim_b", "sim_h"):
        place = f"checkpoints/memory/{site}/round_0001.pt"
        memories = [torch.load(r / place, weights_only=True)["tensors"] for r in (run, straight)]
        assert equal(*(memory[CLIPPED] for memory in memories))
        assert memories[0][CLIPPED]["times"] == 2
        assert not {"times"} & {*pd.read_csv(run / "ledger.csv")["name"]}  # it never left the site


def test_inside_the_package_the_same_files_do_the_same(runs):
    run = runs("inside")
    assert json.loads((run / "environment.json").read_text())["plugins"] == {}, "mymri is left out"
    assert "flmrcm.middleware.clip.Clip" in (run / "config.yaml").read_text()
    assert {"velocity", CLIPPED} <= read_last(run).extras.keys()
    assert len(read_journal(run, "val", "hfen"))
    found = pd.read_csv(run / "journal.csv").query("metric == 'acceleration'")
    assert found.set_index("site")["value"].to_dict() == pytest.approx(
        {"sim_b": 32 * 32 / 256, "sim_h": 32 / 8}
    )


def test_its_laws_hold(environment, tmp_path):
    shutil.copytree(PACKAGE / "tests", tmp_path / "tests")
    done = environment.run(tmp_path, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
