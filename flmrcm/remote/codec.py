"""Calls and responses as any transport carries them: a line of text, and tensors by kind."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, NamedTuple

from flmrcm import __version__
from flmrcm.remote.connection import CallHeader, Response
from flmrcm.types import Broadcast, Reply, Weights

_WEIGHTS, _EXTRAS = "weights", "extras/"


class Envelope(NamedTuple):
    """What travels.

    Attributes:
        head: everything but tensors, as JSON; numbers come back bit for bit.
        tensors: by kind and name.
    """

    head: str
    tensors: Mapping[str, Weights]


def encode_call(call: CallHeader, message: Broadcast) -> Envelope:
    """Return a call and its message as they travel."""
    return _pack({**asdict(call), "round": message.round}, message.weights, message.extras)


def decode_call(envelope: Envelope) -> tuple[CallHeader, Broadcast]:
    """Return the call and the message that an envelope holds.

    Raises:
        KeyError, TypeError, ValueError: not a call of this package.
    """
    head, weights, extras = _unpack(envelope)
    # a newer version may say more; versions are compared later, so reading must not fail before
    known = {field.name for field in fields(CallHeader)}
    call = CallHeader(**{name: value for name, value in head.items() if name in known})
    return call, Broadcast(head["round"], weights, extras)


def encode_response(response: Response) -> Envelope:
    """Return a site's response as it travels; the site's name is not in it."""
    reply = response.reply
    head = {
        "version": __version__,
        "n_examples": reply.n_examples,
        "metrics": {name: float(value) for name, value in reply.metrics.items()},
        "error": reply.error,
        "memory_round": response.memory_round,
        "facts": response.facts,
    }
    return _pack(head, reply.weights, reply.extras)


def decode_response(site: str, envelope: Envelope) -> Response:
    """Return a site's response.

    Args:
        site: who responds, as the transport knows; an envelope could name anybody.
        envelope: as it arrived.

    Raises:
        KeyError, TypeError, ValueError: not a response of this package.
    """
    head, weights, extras = _unpack(envelope)
    if head["version"] != __version__:
        why = f"it has flmrcm {head['version']}, the coordinator {__version__}; install the same."
        return Response(Reply(site, error=f"site {site}: {why}"))
    metrics = {str(name): float(value) for name, value in head["metrics"].items()}
    error = None if head["error"] is None else str(head["error"])
    reply = Reply(site, int(head["n_examples"]), weights, extras, metrics, error)
    return Response(reply, head["memory_round"], head["facts"])


def _pack(head: Mapping[str, Any], weights: Weights, extras: Mapping[str, Weights]) -> Envelope:
    kinds = {_WEIGHTS: weights, **{_EXTRAS + kind: t for kind, t in extras.items()}}
    return Envelope(json.dumps(head), kinds)


def _unpack(envelope: Envelope) -> tuple[dict[str, Any], Weights, dict[str, Weights]]:
    kinds = dict(envelope.tensors)
    weights = kinds.pop(_WEIGHTS)
    extras = {kind.removeprefix(_EXTRAS): tensors for kind, tensors in kinds.items()}
    return json.loads(envelope.head), weights, extras
