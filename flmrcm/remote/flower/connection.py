"""Envelopes as Flower's messages, and one loop over Flower's grid that sends and receives them."""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from flmrcm.remote.codec import Envelope, decode_response, encode_call
from flmrcm.remote.connection import (
    CallHeader,
    Response,
    report_absent,
    report_failure,
    report_late,
)
from flmrcm.remote.heads import EnvelopeError
from flmrcm.types import Broadcast, Weights

log = logging.getLogger(__name__)

_POLL = 0.2  # seconds
_TYPES = {"train": "train", "finetune": "train.finetune", "validate": "evaluate",
          "test": "evaluate.test", "survey": "query.survey", "join": "query.join",
          "agree": "query.agree", "unmask": "query.unmask"}  # fmt: skip
_HEAD, _JSON, _BFLOAT16 = "head", "json", "bfloat16"


def encode_record(envelope: Envelope) -> RecordDict:
    """Return an envelope as Flower carries it: tensors as arrays, bit for bit."""
    halves = {kind: [k for k, t in tensors.items() if t.dtype == torch.bfloat16]
              for kind, tensors in envelope.tensors.items()}  # fmt: skip
    head = ConfigRecord({_JSON: envelope.head, _BFLOAT16: json.dumps(halves)})
    arrays = {kind: ArrayRecord(_to_numpy_types(t)) for kind, t in envelope.tensors.items()}
    return RecordDict({_HEAD: head, **arrays})


def decode_record(record: RecordDict) -> Envelope:
    """Return the envelope that a record holds.

    Raises:
        EnvelopeError: it holds none.
    """
    try:
        head = record.config_records[_HEAD]
        halves = json.loads(str(head[_BFLOAT16]))
        kinds = {
            kind: _restore_types(dict(arrays.to_torch_state_dict()), halves.get(kind, ()))
            for kind, arrays in record.array_records.items()
        }
        return Envelope(str(head[_JSON]), kinds)
    except Exception as error:  # Flower's and NumPy's readers fail in ways of their own
        raise EnvelopeError(f"its record is of another form ({type(error).__name__}).") from None


@dataclass(frozen=True)
class FlowerTransport:
    """Flower's connection to the sites.

    Attributes:
        grid: Flower's interface to its nodes.
        nodes: site → the number by which Flower knows its key.
    """

    grid: Any
    nodes: Mapping[str, int]

    def send(
        self,
        calls: Mapping[str, CallHeader],
        messages: Mapping[str, Broadcast],
        timeout: float,
        patience: float,
    ) -> Iterator[Response]:
        """Return what sites respond, in sorted order; see `Transport`."""
        absent = self._wait_for_nodes(sorted(messages), patience)
        responses = {site: report_absent(site, messages[site], patience) for site in absent}
        waiting = self._push({s: c for s, c in calls.items() if s not in responses}, messages)
        end = time.monotonic() + timeout
        for site in sorted(messages):
            while site not in responses:
                responses |= self._pull(waiting, messages)
                if site not in responses and time.monotonic() > end:
                    responses |= {
                        name: report_late(name, messages[name], timeout)
                        for name in waiting.values()
                    }
                elif site not in responses:
                    time.sleep(_POLL)
            # popped: a response that the strategy has read must not stay in memory
            yield responses.pop(site)

    def _wait_for_nodes(self, absent: list[str], patience: float) -> list[str]:
        """Wait for sites to be connected; return those that are not in the end."""
        end, announced = time.monotonic() + patience, False
        while True:
            connected = set(self.grid.get_node_ids())
            absent = [site for site in absent if self.nodes.get(site) not in connected]
            if not absent or time.monotonic() > end:
                return absent
            if not announced:
                log.info("waiting for %s to connect", ", ".join(absent))
            announced = True
            time.sleep(1.0)

    def _push(
        self, calls: Mapping[str, CallHeader], messages: Mapping[str, Broadcast]
    ) -> dict[str, str]:
        """Send calls; return the site that is to answer each of Flower's message numbers."""
        numbers: dict[str, str] = {}
        for site, call in calls.items():  # one by one: a model for each site would not fit
            record, kind = encode_record(encode_call(call, messages[site])), _TYPES[call.op]
            sent = Message(record, dst_node_id=self.nodes[site], message_type=kind)
            numbers |= dict.fromkeys(self.grid.push_messages([sent]), site)
        return numbers

    def _pull(
        self, waiting: dict[str, str], messages: Mapping[str, Broadcast]
    ) -> dict[str, Response]:
        """Return the responses that have arrived, by site; these are no longer waited for."""
        responses: dict[str, Response] = {}
        pulled: Iterable[Message] = self.grid.pull_messages(list(waiting)) if waiting else ()
        for received in pulled:
            site = waiting.pop(received.metadata.reply_to_message_id, None)
            if site is not None:
                responses[site] = _read_message(site, received, messages[site])
        return responses


def _read_message(site: str, received: Message, message: Broadcast) -> Response:
    if received.has_error():
        reason = " ".join(str(received.error.reason).split())[:200]
        return report_failure(site, message, f"{reason} (Flower's code {received.error.code})")
    try:
        return decode_response(site, message.round, decode_record(received.content))
    except EnvelopeError as error:
        return report_failure(site, message, f"its answer can't be read: {error}")


def _to_numpy_types(tensors: Weights) -> Any:
    """NumPy, in which Flower packs tensors, has no bfloat16: its bits travel as integers."""
    return {
        name: (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).detach().cpu()
        for name, t in tensors.items()
    }


def _restore_types(tensors: Weights, bfloat16: Any) -> Weights:
    return {k: t.view(torch.bfloat16) if k in bfloat16 else t for k, t in tensors.items()}
