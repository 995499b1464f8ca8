"""Secure aggregation: the server learns the mean of the sites' weights, and no single ones.

Bonawitz et al., Practical Secure Aggregation for Privacy-Preserving Machine Learning, CCS 2017,
figure 4, for a server that follows the protocol. A round of training takes four calls: sites give
public keys (`agree`), then sealed shares of their secrets (`agree`), then masked weights (`train`);
at last they give the shares by which what is left of the masks goes away (`unmask`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

from flmrcm.errors import SiteRefuses, require
from flmrcm.federation.engine import ABOUT_MASKS, Operation
from flmrcm.federation.masked_round import MaskedRound
from flmrcm.federation.middleware import (
    Carry,
    Exchange,
    Middleware,
    ServerHalf,
    ServerSide,
    SiteHalf,
    SiteSide,
    Stage,
)
from flmrcm.learning.module import ReconModule
from flmrcm.privacy.fixed_point import CountTooLarge, Ring
from flmrcm.privacy.mask_messages import (
    MASK_KEYS,
    MASK_SCALE,
    MASK_SHARES,
    OWN,
    SURVIVORS,
    pack_bytes,
    read_scale,
    unpack_bytes,
)
from flmrcm.privacy.mask_streams import add_streams
from flmrcm.privacy.round_keys import FEWEST_SITES, KeyStore, RoundKeys
from flmrcm.strategies.base import Strategy, reads_mean_only
from flmrcm.types import Broadcast, Memory, Reply, Weights

_LEAST_FRACTION = 20
"""Bits behind the point: steps of a millionth."""


@dataclass(frozen=True)
class SecureAggregation(Middleware):
    """Masks each site's weights so that only their sum over sites can be read.

    Towards a server that follows the protocol; `docs/privacy.md` says what another one can do.

    Args:
        threshold: sites without which a sum can't be unmasked, over half of those that begin a
            round and at least 3; None is the least of these.
        bits: of a value as it travels, a multiple of 8 up to 64.
        largest: > 0, bound of a weight's absolute value; a site refuses to send larger ones.

    Raises:
        ConfigErrors: a value outside its range.
    """

    stage: ClassVar[Stage] = Stage.MASKING

    threshold: int | None = None
    bits: int = 48
    largest: float = 1024.0

    def __post_init__(self) -> None:
        least, bits, largest = self.threshold, self.bits, self.largest
        few = least is not None and least < FEWEST_SITES
        require(
            {
                "secure_aggregation.threshold": (
                    not few, f"at least {FEWEST_SITES}, or null; got {least}."
                ),
                "secure_aggregation.bits": (
                    bits in range(32, 65, 8), f"32, 40, 48, 56 or 64; got {bits}."
                ),
                "secure_aggregation.largest": (
                    0 < largest < inf, f"a finite number above 0; got {largest}."
                ),
            }
        )  # fmt: skip

    def find_problems(
        self, strategy: Strategy, module: ReconModule, members: Mapping[str, Middleware]
    ) -> list[str]:
        """Return a line for each thing of the run that needs more than a sum, or isn't in it."""
        valid, wire = members.get("reply_validation"), members.get("wire")
        kind = getattr(wire, "kind", "fp32")
        rule = getattr(strategy, "aggregation", "mean")
        rules = {
            f"strategy.aggregation={rule} compares single updates; use mean": rule != "mean",
            f"{strategy.name or type(strategy).__name__} reads single updates; use strategy=fl_mr, "
            "fedprox, fedper, fedadam or another that reads their mean":
                rule == "mean" and not reads_mean_only(strategy),
            "the target's latents travel alone, in no sum; use another strategy":
                strategy.needs_target and not strategy.needs_target_images,
            "strategy.weighting=fair weighs by losses, for which no fixed-point step is fine enough"
            "; use uniform or examples": strategy.weighting == "fair",
            "middleware.reply_validation.norm_factor compares single updates; use null":
                getattr(valid, "norm_factor", None) is not None,
            f"middleware.wire.kind={kind} rounds what the masks leave exact; use fp32":
                kind != "fp32",
        }  # fmt: skip
        return [f"secure_aggregation=bonawitz: {why}." for why, holds in rules.items() if holds]

    def find_count_problems(self, drawn: int, needed: int) -> list[str]:
        """Return a line where too few sites train in a round, or more than can be masked."""
        least, word = self.count_threshold(drawn), "secure_aggregation=bonawitz"
        if drawn < FEWEST_SITES:
            why = f"of fewer than {FEWEST_SITES} sites a sum tells single updates; {drawn} train"
            return [f"{word}: {why} (participants, participation, pooled)."]
        if not drawn < 2 * least <= 2 * drawn:
            why = f"above half of the {drawn} sites of a round, and no more than they"
            return [f"secure_aggregation.threshold={least}: {why}."]
        if needed < least:
            return [f"robust.quorum={needed}: {word} of {drawn} sites needs {least} at least."]
        if self.build_ring(drawn).fraction < _LEAST_FRACTION:
            return [f"secure_aggregation.bits={self.bits}: too few for {drawn} sites; use more."]
        return []

    def count_threshold(self, n_sites: int) -> int:
        """Return how many of the sites that begin a round are needed to unmask its sum."""
        return self.threshold or max(FEWEST_SITES, n_sites // 2 + 1)

    def build_ring(self, n_sites: int) -> Ring:
        """Return the integers in which so many sites' values are added."""
        return Ring(self.bits, self.largest, n_sites)

    def build_site_half(self, side: SiteSide) -> SiteHalf:
        """Return the half that masks."""
        return _Masks(self, side)

    def build_server_half(self, side: ServerSide) -> ServerHalf:
        """Return the half that adds up and unmasks."""
        return _Sums(self, side.strategy)


class _Masks(SiteHalf):
    """State between calls lies in the site's folder, not in its memory: that can be rolled back."""

    def __init__(self, rule: SecureAggregation, side: SiteSide) -> None:
        self.rule, self.side = rule, side
        self.store = KeyStore(side.folder / "round_keys.json" if side.folder else None)
        self._answer: Mapping[str, Weights] = {}
        self._masks: RoundKeys | None = None
        self._scale = 1.0

    def before(self, op: Operation, message: Broadcast, memory: Memory) -> Broadcast:
        try:
            if op == "agree":
                self._answer = self._agree(message)
            elif op == "unmask":
                revealed = self.store.take(message.round).reveal([*message.extras[SURVIVORS]])
                self._answer = {MASK_SHARES: pack_bytes(revealed)}
            elif op == "train":
                return self._take_masks(message)
        except (KeyError, ValueError) as error:
            raise SiteRefuses(f"secure aggregation: {error!r}.", "masking") from None
        return message

    def after(self, op: Operation, round_: int, reply: Reply, memory: Memory) -> Reply:
        if op in ABOUT_MASKS:
            return replace(reply, extras=self._answer)
        return self._mask(reply) if op == "train" else reply

    def _agree(self, message: Broadcast) -> Mapping[str, Weights]:
        """Return the site's public keys, or, where all are told, its sealed shares."""
        roster = unpack_bytes(message.extras.get(MASK_KEYS, {}))
        if not roster:
            keys = RoundKeys(self.side.site, message.round)
            self.store.put(keys)
            return {MASK_KEYS: pack_bytes({OWN: keys.public})}
        keys = self.store.take(message.round)
        keys, sealed = keys.share(roster, self.rule.count_threshold(len(roster)))
        self.store.put(keys)
        return {MASK_SHARES: pack_bytes(sealed)}

    def _take_masks(self, message: Broadcast) -> Broadcast:
        """Use the round's masks up, before training; return the message without what's of them."""
        extras = dict(message.extras)
        self._scale = read_scale(extras.pop(MASK_SCALE))
        sealed = unpack_bytes(extras.pop(MASK_SHARES))
        self._masks = self.store.take(message.round).receive(sealed)
        self.store.put(self._masks)
        return replace(message, extras=extras)

    def _mask(self, reply: Reply) -> Reply:
        masks, self._masks = self._masks, None
        if masks is None or reply.extras:
            raise SiteRefuses("secure aggregation: only weights can be masked.", "masking")
        ring = self.rule.build_ring(len(masks.shares))
        try:
            values = ring.encode(reply.weights, self.side.strategy.weigh(reply) / self._scale)
        except CountTooLarge as error:
            raise SiteRefuses(f"secure_aggregation.bits: {error}; use more.", "range") from None
        except ValueError as error:
            raise SiteRefuses(f"secure_aggregation.largest: {error}; raise it.", "range") from None
        add_streams(values, masks.list_streams())
        return replace(reply, weights=ring.pack(values, reply.weights))


class _Sums(ServerHalf):
    def __init__(self, rule: SecureAggregation, strategy: Strategy) -> None:
        self.rule, self.strategy = rule, strategy

    def carry(
        self,
        outwards: Carry,
        op: Operation,
        messages: Mapping[str, Broadcast],
        timeout: float | None,
    ) -> Iterator[Exchange]:
        if op != "train" or not messages:
            return outwards(op, messages, timeout)
        count, build = self.rule.count_threshold, self.rule.build_ring
        return MaskedRound(outwards, self.strategy, count, build, messages, timeout).run()
