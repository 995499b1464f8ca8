"""Calls and responses as any transport carries them: a line of text, and tensors by kind."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import torch

from flmrcm import __version__
from flmrcm.errors import SiteRefuses
from flmrcm.federation.site_facts import SiteFacts
from flmrcm.remote.connection import CallHeader, Response
from flmrcm.remote.heads import CallHead, EnvelopeError, ResponseHead, VersionHead, parse_head
from flmrcm.remote.site_errors import describe_kind
from flmrcm.types import Broadcast, Reply, Weights

_WEIGHTS, _EXTRAS = "weights", "extras/"
_KIND = re.compile(r"weights|extras/[a-z][a-z0-9_]{0,63}")
_NAME = re.compile(r"[\w.-]{1,300}")
_DTYPES = frozenset(
    {
        torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.uint8, torch.int8,
        torch.int16, torch.int32, torch.int64, torch.bool,
    }
)  # fmt: skip


class Envelope(NamedTuple):
    """What travels.

    Attributes:
        head: everything but tensors, as JSON; numbers come back bit for bit.
        tensors: by kind and name.
    """

    head: str
    tensors: Mapping[str, Weights]


def read_envelope(parts: Any) -> Envelope:
    """Return the envelope of which a transport carried both parts.

    Raises:
        EnvelopeError: these are no such parts.
    """
    if isinstance(parts, list | tuple) and len(parts) == len(Envelope._fields):
        head, tensors = parts
        if isinstance(head, str) and isinstance(tensors, Mapping):
            return Envelope(head, tensors)
    raise EnvelopeError("it has other parts than a head and tensors.")


def encode_call(call: CallHeader, message: Broadcast) -> Envelope:
    """Return a call and its message as they travel."""
    return _pack({**asdict(call), "round": message.round}, message.weights, message.extras)


def decode_call(envelope: Envelope) -> tuple[CallHeader, Broadcast]:
    """Return the call and the message that an envelope holds.

    Raises:
        SiteRefuses: of another version of this package.
        EnvelopeError: not a call of this package.
    """
    # before the rest: another version may say more, or less
    if (version := parse_head(VersionHead, envelope.head).version) != __version__:
        raise SiteRefuses(f"flmrcm {__version__} here, {version} there.", "version")
    head = parse_head(CallHead, envelope.head)
    weights, extras = _unpack(envelope)
    call = CallHeader(**{field.name: getattr(head, field.name) for field in fields(CallHeader)})
    return call, Broadcast(head.round, weights, extras)


def encode_response(response: Response) -> Envelope:
    """Return a site's response as it travels; neither its name nor an error's text is in it."""
    reply = response.reply
    head = {
        "version": __version__,
        "n_examples": reply.n_examples,
        "metrics": {name: float(value) for name, value in reply.metrics.items()},
        "error": reply.error and (reply.error_kind or "failed"),
        "memory_round": response.memory_round,
        "facts": None if response.facts is None else asdict(response.facts),
    }
    return _pack(head, reply.weights, reply.extras)


def decode_response(site: str, round_: int, envelope: Envelope) -> Response:
    """Return a site's response.

    Args:
        site: who responds, as the transport knows; an envelope could name anybody.
        round_: of the call.
        envelope: as it arrived.

    Raises:
        EnvelopeError: not a response of this package.
    """
    if (version := parse_head(VersionHead, envelope.head).version) != __version__:
        why = f"it has flmrcm {version}, the coordinator {__version__}; install the same."
        return Response(Reply(site, error=f"site {site}, round {round_}: {why}"))
    head = parse_head(ResponseHead, envelope.head)
    if head.error is not None:
        error = describe_kind(site, round_, head.error)
        return Response(Reply(site, error=error, error_kind=head.error))
    weights, extras = _unpack(envelope)
    facts = None if head.facts is None else SiteFacts(**dict(head.facts))
    return Response(
        Reply(site, head.n_examples, weights, extras, head.metrics), head.memory_round, facts
    )


def _pack(head: Mapping[str, Any], weights: Weights, extras: Mapping[str, Weights]) -> Envelope:
    kinds = {_WEIGHTS: weights, **{_EXTRAS + kind: t for kind, t in extras.items()}}
    return Envelope(json.dumps(head), kinds)


def _unpack(envelope: Envelope) -> tuple[Weights, dict[str, Weights]]:
    """Return the weights and the other tensors by kind.

    Raises:
        EnvelopeError: something else than plain tensors, by names of this package's form.
    """
    kinds = {kind: _check_tensors(kind, tensors) for kind, tensors in envelope.tensors.items()}
    weights = kinds.pop(_WEIGHTS, {})
    return weights, {kind.removeprefix(_EXTRAS): tensors for kind, tensors in kinds.items()}


def _check_tensors(kind: Any, tensors: Any) -> Weights:
    if not isinstance(kind, str) or not _KIND.fullmatch(kind) or not isinstance(tensors, Mapping):
        raise EnvelopeError("it holds a kind of object that there isn't.")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not _is_plain(tensor):
            raise EnvelopeError("it holds what is no tensor, or one of an unknown form.")
    return dict(tensors)


def _is_plain(tensor: Any) -> bool:
    """Return whether an object is a dense tensor of a type that the package computes with."""
    plain = type(tensor) is torch.Tensor and tensor.layout is torch.strided
    return plain and tensor.device.type == "cpu" and tensor.dtype in _DTYPES
