"""The server's calls of a round of which it reads the mean alone: keys, shares, weights, unmasking.

Bonawitz et al., Practical Secure Aggregation for Privacy-Preserving Machine Learning, CCS 2017,
figure 4. A site that drops out before its masked weights arrive is left out of the mean; one that
drops out afterwards isn't.
"""

import logging
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import TypeVar

from flmrcm.errors import SiteFailed
from flmrcm.federation.engine import Operation
from flmrcm.federation.middleware import Carry, Exchange
from flmrcm.privacy.fixed_point import Ring
from flmrcm.privacy.mask_messages import (
    MASK_KEYS,
    MASK_SHARES,
    SURVIVORS,
    pack_bytes,
    pack_scale,
    read_keys,
    read_revealed,
    read_sealed,
)
from flmrcm.privacy.masked_sum import MaskedSum
from flmrcm.strategies.aggregation import EXAMPLES
from flmrcm.strategies.base import Strategy
from flmrcm.types import Broadcast, Reply, Weights

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class MaskedRound:
    """A round's calls; in each reply of it the mean stands in the place of the site's weights.

    Attributes:
        outwards: carries a call's messages and replies.
        strategy: says how replies are weighed.
        count_threshold: number of sites → of those without which nothing is unmasked, at least 3.
        build_ring: number of sites → the integers in which they are added.
        messages: of training, by site; at least one.
        timeout: seconds of each call; None waits for ever.
    """

    outwards: Carry
    strategy: Strategy
    count_threshold: Callable[[int], int]
    build_ring: Callable[[int], Ring]
    messages: Mapping[str, Broadcast]
    timeout: float | None = None
    _seen: list[tuple[Operation, Exchange]] = field(default_factory=list, init=False)

    def run(self) -> Iterator[Exchange]:
        """Return an exchange for each site: failed ones as they fail, then those in the mean.

        Raises:
            SiteFailed: too few sites are left, or what they gave doesn't fit.
        """
        keys = yield from self._call(
            "agree", self._tell(self.messages, {}), lambda r: (read_keys(r), r.n_examples)
        )
        roster = {site: public for site, (public, _) in keys.items()}
        threshold = self.count_threshold(len(roster))
        self._require(roster, threshold)
        told = self._tell(roster, {MASK_KEYS: pack_bytes(roster)})
        sealed = yield from self._call("agree", told, partial(read_sealed, roster=roster))
        self._require(sealed, threshold)
        masked = MaskedSum(roster, sealed, threshold, self.round)
        most = max(keys[site][1] for site in sealed)
        yield from self._train(masked, sealed, most if self.strategy.weighting == EXAMPLES else 1)

    @property
    def round(self) -> int:
        """Counted from 0."""
        return next(iter(self.messages.values())).round

    def _train(
        self, masked: MaskedSum, sealed: Mapping[str, Mapping[str, bytes]], scale: float
    ) -> Iterator[Exchange]:
        """Have sites train and unmask the sum of what they send."""
        ring = self.build_ring(len(sealed))
        told = {site: self._pass_on(site, sealed, scale) for site in sealed}
        replies = yield from self._call("train", told, partial(self._add, masked, ring))
        self._require(replies, masked.threshold)
        survivors = {SURVIVORS: pack_bytes(dict.fromkeys(replies, b"\1"))}
        read = partial(read_revealed, sharers=sealed)
        revealed = _finish(self._call("unmask", self._tell(replies, survivors), read))
        like = self.messages[masked.survivors[0]].weights
        whole = sum(self.strategy.weigh(reply) for reply in replies.values()) / scale
        try:
            mean = ring.decode(masked.unmask(revealed), whole, like)
        except ValueError as error:
            raise SiteFailed(f"round {self.round}: secure aggregation: {error}.") from None
        for site in sorted(replies):
            yield self._describe(replace(replies[site], weights=mean))

    def _tell(self, sites: Collection[str], extras: Mapping[str, Weights]) -> dict[str, Broadcast]:
        return dict.fromkeys(sites, Broadcast(self.round, {}, extras))

    def _pass_on(
        self, site: str, sealed: Mapping[str, Mapping[str, bytes]], scale: float
    ) -> Broadcast:
        """Return a site's message of training, with the shares that others sealed for it."""
        message = self.messages[site]
        shares = {other: texts[site] for other, texts in sealed.items() if other != site}
        more = {MASK_SHARES: pack_bytes(shares), **pack_scale(scale)}
        return replace(message, extras={**message.extras, **more})

    def _add(self, masked: MaskedSum, ring: Ring, reply: Reply) -> Reply:
        """Add a reply's masked weights to the sum; return the reply without them."""
        sent = self.messages[reply.site]
        if reply.n_examples < 1 or reply.extras:
            raise ValueError("it counts no slices, or holds more than weights")
        if why := self.strategy.validate_reply("train", sent, reply):
            raise ValueError(why)
        if not 0 < self.strategy.weigh(reply) < inf:
            raise ValueError("it has no weight")
        masked.add(reply.site, ring.unpack(reply.weights, sent.weights))
        return replace(reply, weights={})

    def _call(
        self, op: Operation, told: Mapping[str, Broadcast], read: Callable[[Reply], T]
    ) -> Generator[Exchange, None, dict[str, T]]:
        """Yield the exchanges that failed; return what is read of the others."""
        found: dict[str, T] = {}
        for exchange in self.outwards(op, told, self.timeout):
            reply = exchange.reply
            if reply.site not in told or reply.site in found:
                log.warning("round %d: an unexpected reply of %s", self.round, reply.site)
                continue
            if reply.error is not None:
                yield exchange
                continue
            try:
                found[reply.site] = read(reply)
                self._seen.append((op, _weigh_only(exchange)))
            except ValueError as error:
                why = f"site {reply.site}, round {self.round}: its reply was refused: {error}."
                yield exchange._replace(reply=replace(reply, error=why), refused=True)
        return found

    def _describe(self, reply: Reply) -> Exchange:
        """Return a site's exchange of training, those of its keys and shares beside it."""
        own = [(op, exchange) for op, exchange in self._seen if exchange.reply.site == reply.site]
        beside = tuple(exchange for op, exchange in own if op != "train")
        (trained,) = (exchange for op, exchange in own if op == "train")
        return trained._replace(reply=reply, beside=beside)

    def _require(self, sites: Collection[str], threshold: int) -> None:
        if len(sites) < threshold:
            raise SiteFailed(
                f"round {self.round}: secure aggregation needs {threshold} sites, {len(sites)} are "
                "left. Go on with resume=… when more can be reached."
            )


def _weigh_only(exchange: Exchange) -> Exchange:
    """Return an exchange whose reply has the bytes that it had, but no more values."""
    weights = {name: tensor.to("meta") for name, tensor in exchange.received.weights.items()}
    received = replace(exchange.received, weights=weights)
    return exchange._replace(reply=replace(exchange.reply, weights={}), received=received)


def _finish(call: Generator[Exchange, None, T]) -> T:
    """Return what a call returns; a site that fails now is in the mean all the same."""
    while True:
        try:
            exchange = next(call)
        except StopIteration as end:
            return end.value
        log.warning("%s Its update counts.", exchange.reply.error)
