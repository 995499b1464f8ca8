"""Letters as Flower's messages: tensors as arrays, bit for bit."""

import json
from typing import Any

import torch
from flwr.app import ArrayRecord, ConfigRecord, RecordDict

from flmrcm.remote.codec import Envelope
from flmrcm.types import Weights

_HEAD, _JSON, _BFLOAT16 = "head", "json", "bfloat16"


def encode_record(letter: Envelope) -> RecordDict:
    """Gives a letter as Flower carries it."""
    halves = {kind: [k for k, t in tensors.items() if t.dtype == torch.bfloat16]
              for kind, tensors in letter.tensors.items()}  # fmt: skip
    head = ConfigRecord({_JSON: letter.head, _BFLOAT16: json.dumps(halves)})
    arrays = {kind: ArrayRecord(_to_numpy_types(t)) for kind, t in letter.tensors.items()}
    return RecordDict({_HEAD: head, **arrays})


def decode_record(record: RecordDict) -> Envelope:
    """Gives the letter that a record holds.

    Raises:
        KeyError, TypeError, ValueError: it holds none.
    """
    head = record.config_records[_HEAD]
    halves = json.loads(str(head[_BFLOAT16]))
    kinds = {
        kind: _restore_types(dict(arrays.to_torch_state_dict()), halves.get(kind, ()))
        for kind, arrays in record.array_records.items()
    }
    return Envelope(str(head[_JSON]), kinds)


def _to_numpy_types(tensors: Weights) -> Any:
    """NumPy, in which Flower packs tensors, has no bfloat16: its bits travel as integers."""
    return {
        name: (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).detach().cpu()
        for name, t in tensors.items()
    }


def _restore_types(tensors: Weights, bfloat16: Any) -> Weights:
    return {k: t.view(torch.bfloat16) if k in bfloat16 else t for k, t in tensors.items()}
