"""Calls and answers as any transport carries them: a line of text, and tensors by kind."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, NamedTuple

from flmrcm import __version__
from flmrcm.engines.transport import Came
from flmrcm.federation.call import Call
from flmrcm.types import Broadcast, Reply, Weights

_WEIGHTS, _EXTRAS = "weights", "extras/"


class Letter(NamedTuple):
    """What travels.

    Attributes:
        head: everything but tensors, as JSON; numbers come back bit for bit.
        tensors: by kind and name.
    """

    head: str
    tensors: Mapping[str, Weights]


def call_letter(call: Call, message: Broadcast) -> Letter:
    """Gives a call and its message as they travel."""
    return _letter({**asdict(call), "round": message.round}, message.weights, message.extras)


def read_call(letter: Letter) -> tuple[Call, Broadcast]:
    """Gives the call and the message that a letter holds.

    What only another version says is left out: whoever compares the versions has to get that far.
    """
    head, weights, extras = _read(letter)
    known = {field.name for field in fields(Call)}
    call = Call(**{name: value for name, value in head.items() if name in known})
    return call, Broadcast(head["round"], weights, extras)


def answer_letter(reply: Reply, kept: Mapping[str, int], facts: Mapping[str, Any] | None) -> Letter:
    """Gives a site's answer as it travels; its name isn't in it."""
    head = {
        "version": __version__,
        "n_examples": reply.n_examples,
        "metrics": {name: float(value) for name, value in reply.metrics.items()},
        "error": reply.error,
        "kept": kept.get(reply.site),
        "facts": facts,
    }
    return _letter(head, reply.weights, reply.extras)


def read_answer(site: str, letter: Letter) -> Came:
    """Gives what a site answered.

    Args:
        site: whose answer it is, as the transport knows.
        letter: what came.

    Raises:
        KeyError, TypeError, ValueError: no answer of ours.
    """
    head, weights, extras = _read(letter)
    if head["version"] != __version__:
        why = f"it has flmrcm {head['version']}, the coordinator {__version__}; install the same."
        return Came(Reply(site, error=f"site {site}: {why}"))
    metrics = {str(name): float(value) for name, value in head["metrics"].items()}
    error = None if head["error"] is None else str(head["error"])
    reply = Reply(site, int(head["n_examples"]), weights, extras, metrics, error)
    return Came(reply, head["kept"], head["facts"])


def _letter(head: Mapping[str, Any], weights: Weights, extras: Mapping[str, Weights]) -> Letter:
    kinds = {_WEIGHTS: weights, **{_EXTRAS + kind: t for kind, t in extras.items()}}
    return Letter(json.dumps(head), kinds)


def _read(letter: Letter) -> tuple[dict[str, Any], Weights, dict[str, Weights]]:
    kinds = dict(letter.tensors)
    weights = kinds.pop(_WEIGHTS)
    extras = {kind.removeprefix(_EXTRAS): tensors for kind, tensors in kinds.items()}
    return json.loads(letter.head), weights, extras
