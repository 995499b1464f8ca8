"""Tiny runs and the figures they are known by; `python tests/golden/record.py` records them anew.

The figures lie beside this file, as CSV. They change only under *Changes results* in CHANGELOG.md:
a refactoring leaves every one of them as it is.

L1 and leaky ReLU have corners: where rounding tips a sign, a figure jumps by far more than rounding
does. Seed 24, momentum SGD and a calm discriminator keep these runs away from corners: relative
noise of 1e-6 behind every layer moves no weight's figure by more than twice what `TOLERANCE` lets
pass, and rounding is about ten times smaller. Whoever changes these words needs such a seed anew.
"""

from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import torch

from flmrcm.app import main

HERE = Path(__file__).parent

TOLERANCE = 1e-6
"""Relative and absolute: machines differ in the last bits."""

TINY = [
    "debug=tiny",
    "logger=csv",
    "rounds=2",  # the second one starts from memories and from the optimizer's state
    "seed=24",
    "local.batch_size=1",  # two steps a round: FedProx and SCAFFOLD show from the second on
    "local.optimizer._target_=torch.optim.SGD",
    "+local.optimizer.momentum=0.9",
    "local.optimizer.lr=0.001",
    "engine.threads=1",
    "data.simulated.subjects.test=2",
    "test.saved_volumes=0",
]

DISCRIMINATOR = ["strategy.discriminator.width=8", "+strategy.discriminator_optimizer.eps=0.1"]

RUNS: Mapping[str, Sequence[str]] = {
    "fl_mr": ["strategy=fl_mr"],
    "fl_mrcm": ["strategy=fl_mrcm", *DISCRIMINATOR],
    "fl_mrcm_latent": ["strategy=fl_mrcm_latent", *DISCRIMINATOR],
    "fedprox": ["strategy=fedprox", "strategy.mu=100"],
    "scaffold": ["strategy=scaffold"],
    "median": ["strategy=fl_mr", "strategy.aggregation=median", "sites=simulated"],
}

EVALUATIONS: Mapping[str, Sequence[str]] = {
    "as trained": [],
    "four coils": ["sites=simulated_pair", "data.simulated.coils=4", "mask=equispaced"],
}


class Runs:
    """Trains each run once and reads what it leaves.

    Args:
        folder: an empty one; everything is written there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trained: dict[tuple[str, ...], Path] = {}

    def trained(self, name: str, *words: str) -> Path:
        """Return the folder of a run.

        Args:
            name: one of `RUNS`.
            words: more of the command line, such as another engine.
        """
        if (name, *words) not in self._trained:
            group = f"{name}_{len(self._trained)}"
            cache = f"data.simulated.folder={self.folder / 'simulated'}"
            self._type("train", *TINY, *RUNS[name], cache, f"name={group}", *words)
            (self._trained[name, *words],) = (self.folder / "outputs" / group).iterdir()
        return self._trained[name, *words]

    def weights(self, name: str, *words: str) -> pd.DataFrame:
        """Return sum, Euclidean norm and first value of each tensor of the last checkpoint."""
        path = self.trained(name, *words) / "checkpoints" / "last.pt"
        tensors = torch.load(path, weights_only=True)["weights"]
        rows = [
            (name, key, tensor.sum().item(), tensor.norm().item(), tensor.flatten()[0].item())
            for key, tensor in ((key, tensor.double()) for key, tensor in tensors.items())
        ]
        return pd.DataFrame(rows, columns=["run", "tensor", "sum", "norm", "first"])

    def journal(self, *words: str) -> pd.DataFrame:
        """Return the journal of `fl_mrcm_latent` without its times."""
        rows = pd.read_csv(self.trained("fl_mrcm_latent", *words) / "journal.csv")
        timed = rows["metric"].isin(["seconds", "slices_per_second"])
        return rows[rows["split"].isin(["train", "val", "test", "wire"]) & ~timed]

    def scores(self) -> pd.DataFrame:
        """Return the scores of `fl_mrcm` in each of `EVALUATIONS`."""
        checkpoint = f"checkpoint={self.trained('fl_mrcm') / 'checkpoints' / 'last.pt'}"
        tables: dict[str, pd.DataFrame] = {}
        for name, words in EVALUATIONS.items():
            folder = self.folder / "evaluated" / name.replace(" ", "_")
            self._type("evaluate", checkpoint, f"output={folder}", *words)
            tables[name] = pd.read_csv(folder / "scores.csv")
        return pd.concat(tables, names=["evaluation", None]).reset_index("evaluation")

    def comparison(self) -> pd.DataFrame:
        """Return the table of `fl_mr` beside `fl_mrcm`."""
        runs = [str(self.trained(name)) for name in ("fl_mr", "fl_mrcm")]
        folder = self.folder / "compared"
        self._type("compare", *runs, "--no-figures", "--output", str(folder))
        return pd.read_csv(folder / "matrix.csv")

    def _type(self, *words: str) -> None:
        with chdir(self.folder):
            main(words)


def recorded(name: str) -> pd.DataFrame:
    """Return the recorded figures of a name."""
    return pd.read_csv(HERE / f"{name}.csv")


def record(folder: Path) -> None:
    """Write all figures beside this file, from runs in process."""
    runs = Runs(folder)
    figures = {
        "weights": pd.concat([runs.weights(name) for name in RUNS]),
        "journal": runs.journal(),
        "scores": runs.scores(),
        "comparison": runs.comparison(),
    }
    for name, table in figures.items():
        table.to_csv(HERE / f"{name}.csv", index=False, float_format="%.10g")


if __name__ == "__main__":
    with TemporaryDirectory() as here:
        record(Path(here))
