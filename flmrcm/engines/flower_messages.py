"""Letters as Flower's messages: tensors as arrays, bit for bit."""

import json
from typing import Any

import torch
from flwr.app import ArrayRecord, ConfigRecord, RecordDict

from flmrcm.engines.letters import Letter
from flmrcm.types import Weights

_HEAD, _JSON, _BFLOAT16 = "head", "json", "bfloat16"


def record_of(letter: Letter) -> RecordDict:
    """Gives a letter as Flower carries it."""
    halves = {kind: [k for k, t in tensors.items() if t.dtype == torch.bfloat16]
              for kind, tensors in letter.tensors.items()}  # fmt: skip
    head = ConfigRecord({_JSON: letter.head, _BFLOAT16: json.dumps(halves)})
    arrays = {kind: ArrayRecord(_as_numpy_can(t)) for kind, t in letter.tensors.items()}
    return RecordDict({_HEAD: head, **arrays})


def letter_of(record: RecordDict) -> Letter:
    """Gives the letter that a record holds.

    Raises:
        KeyError, TypeError, ValueError: it holds none.
    """
    head = record.config_records[_HEAD]
    halves = json.loads(str(head[_BFLOAT16]))
    kinds = {
        kind: _as_sent(dict(arrays.to_torch_state_dict()), halves.get(kind, ()))
        for kind, arrays in record.array_records.items()
    }
    return Letter(str(head[_JSON]), kinds)


def _as_numpy_can(tensors: Weights) -> Any:
    """NumPy, in which Flower packs tensors, has no bfloat16: its bits travel as integers."""
    return {
        name: (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).detach().cpu()
        for name, t in tensors.items()
    }


def _as_sent(tensors: Weights, bfloat16: Any) -> Weights:
    return {k: t.view(torch.bfloat16) if k in bfloat16 else t for k, t in tensors.items()}
