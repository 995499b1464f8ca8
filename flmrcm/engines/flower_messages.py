"""Calls and answers as Flower's messages: tensors as arrays, numbers as metrics, bit for bit."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from flwr.app import ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from flmrcm import __version__
from flmrcm.federation.call import Call
from flmrcm.types import Broadcast, Reply, Weights

_WEIGHTS, _EXTRAS, _HEAD, _METRICS = "weights", "extras/", "head", "metrics"


def call_record(call: Call, message: Broadcast) -> RecordDict:
    """Gives a call and its message as Flower carries them."""
    return _record({**asdict(call), "round": message.round}, message.weights, message.extras)


def read_call(record: RecordDict) -> tuple[Call, Broadcast]:
    """Gives the call and the message that a record carries.

    What only another version says is left out: whoever compares the versions has to get that far.
    """
    head, weights, extras = _read(record)
    known = {field.name for field in fields(Call)}
    call = Call(**{name: value for name, value in head.items() if name in known})
    return call, Broadcast(head["round"], weights, extras)


def answer_record(
    reply: Reply, kept: Mapping[str, int], facts: Mapping[str, Any] | None
) -> RecordDict:
    """Gives a site's answer as Flower carries it; its name isn't in it."""
    head = {
        "version": __version__,
        "n_examples": reply.n_examples,
        "error": reply.error,
        "kept": kept.get(reply.site),
        "facts": facts,
    }
    record = _record(head, reply.weights, reply.extras)
    record[_METRICS] = MetricRecord({name: float(v) for name, v in reply.metrics.items()})
    return record


def read_answer(site: str, record: RecordDict) -> tuple[Reply, int | None, dict[str, Any] | None]:
    """Gives the reply, the round its memory is kept under, and the facts.

    Args:
        site: whose answer it is, by its key.
        record: what came.

    Raises:
        KeyError, TypeError, ValueError: no answer of ours.
    """
    head, weights, extras = _read(record)
    if head["version"] != __version__:
        why = f"it has flmrcm {head['version']}, the coordinator {__version__}; install the same."
        return Reply(site, error=f"site {site}: {why}"), None, None
    metrics = {str(k): float(v) for k, v in record.metric_records[_METRICS].items()}  # pyright: ignore[reportArgumentType]
    error = None if head["error"] is None else str(head["error"])
    reply = Reply(site, int(head["n_examples"]), weights, extras, metrics, error)
    return reply, head["kept"], head["facts"]


def _record(head: Mapping[str, Any], weights: Weights, extras: Mapping[str, Weights]) -> RecordDict:
    kinds = {_WEIGHTS: weights, **{_EXTRAS + kind: t for kind, t in extras.items()}}
    halves = {kind: [k for k, t in tensors.items() if t.dtype == torch.bfloat16]
              for kind, tensors in kinds.items()}  # fmt: skip
    text = json.dumps({"head": head, "bfloat16": halves})
    arrays = {kind: ArrayRecord(_as_numpy_can(tensors)) for kind, tensors in kinds.items()}
    return RecordDict({_HEAD: ConfigRecord({"json": text}), **arrays})


def _read(record: RecordDict) -> tuple[dict[str, Any], Weights, dict[str, Weights]]:
    told = json.loads(str(record.config_records[_HEAD]["json"]))
    kinds = {
        kind: _as_sent(dict(arrays.to_torch_state_dict()), told["bfloat16"].get(kind, ()))
        for kind, arrays in record.array_records.items()
    }
    weights = kinds.pop(_WEIGHTS)
    return told["head"], weights, {kind.removeprefix(_EXTRAS): t for kind, t in kinds.items()}


def _as_numpy_can(tensors: Weights) -> Any:
    """NumPy, in which Flower packs tensors, has no bfloat16: its bits travel as integers."""
    return {
        name: (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).detach().cpu()
        for name, t in tensors.items()
    }


def _as_sent(tensors: Weights, bfloat16: Any) -> Weights:
    return {k: t.view(torch.bfloat16) if k in bfloat16 else t for k, t in tensors.items()}
