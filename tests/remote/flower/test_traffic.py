"""Flower's traffic: each strategy's exchanges in a round, and the ledger's bytes."""

from collections import Counter, defaultdict
from json import loads

import pytest

pytest.importorskip("flwr", reason="Flower isn't installed: pip install 'flmrcm[flower]'")

import torch
from kits.deployed_sites import OneProcessGrid, run_remote

from flmrcm.federation.journal import Journal
from flmrcm.middleware.ledger import LEDGER, Ledger

pytestmark = pytest.mark.timeout(900)  # whole runs; a busy machine needs long

TRAINING, VALIDATING, SURVEYING = "train", "evaluate", "query.survey"


@pytest.mark.parametrize(
    ("words", "exchanges"),
    [
        (["strategy=fl_mr"], [TRAINING]),
        (["strategy=fl_mr", "strategy.aggregation=median"], [TRAINING]),
        (["strategy=fedprox"], [TRAINING]),
        (["strategy=scaffold"], [TRAINING]),
        (["strategy=fl_mrcm_latent"], [SURVEYING, TRAINING]),
    ],
)
def test_a_round_has_as_many_exchanges_as_its_strategy_needs(
    site_files, tmp_path, words, exchanges
):
    grid = OneProcessGrid(site_files)
    run_remote(tmp_path / "run", grid, *words, "rounds=2", "test.saved_volumes=0")
    seen: dict[int, list[str]] = defaultdict(list)
    for message in grid.seen:
        head = loads(message.content.config_records["head"]["json"])
        if head["op"] not in ("join", "test"):
            seen[head["round"]].append(message.metadata.message_type)
    # all sites are called at once, so a kind of message is one exchange; WORDS validate every 2nd
    assert [list(Counter(seen[round_])) for round_ in (0, 1)] == [
        exchanges,
        [*exchanges, VALIDATING],
    ]
    assert Counter(seen[0])[TRAINING] == len(site_files)
    assert Counter(seen[0])[SURVEYING] == (SURVEYING in exchanges)  # the target alone is surveyed


class Weighed(OneProcessGrid):
    """A grid that weighs the tensors it carries, by direction and type of message."""

    def __init__(self, site_files):
        super().__init__(site_files)
        self.n_bytes: Counter[tuple[str, str]] = Counter()

    def push_messages(self, messages):
        messages = list(messages)
        self._weigh("to_site", messages)
        return super().push_messages(messages)

    def pull_messages(self, numbers):
        answers = super().pull_messages(numbers)
        self._weigh("from_site", answers)
        return answers

    def _weigh(self, way, messages):
        for message in messages:
            arrays = [a for r in message.content.array_records.values() for a in r.values()]
            self.n_bytes[way, message.metadata.message_type] += sum(
                array.numpy().nbytes for array in arrays
            )


@pytest.mark.parametrize(
    ("wire", "dtype"), [("fp32", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")]
)
def test_the_ledger_holds_what_was_carried(site_files, tmp_path, wire, dtype):
    grid, words = (
        Weighed(site_files),
        ["strategy=fl_mrcm_latent", "rounds=2", f"middleware.wire.kind={wire}"],
    )
    run = run_remote(tmp_path / "run", grid, *words, "test.saved_volumes=0")
    entries = Ledger(run.path / LEDGER).read()
    tensors = [e for e in entries if e.op != "join" and e.kind != "metrics"]
    types = {
        "train": TRAINING,
        "validate": VALIDATING,
        "survey": SURVEYING,
        "test": "evaluate.test",
    }
    recorded: Counter[tuple[str, str]] = Counter()
    for entry in tensors:
        recorded[entry.way, types[entry.op]] += entry.bytes
    carried = {key: n for key, n in grid.n_bytes.items() if key[1] in types.values() and n}
    assert carried == {key: n for key, n in recorded.items() if n}
    assert {entry.dtype for entry in tensors} - {"int64"} == {dtype}
    losses = [row.value for row in Journal(run.path / "journal.csv").read() if row.metric == "loss"]
    assert torch.tensor(losses).isfinite().all()
