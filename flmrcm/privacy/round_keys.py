"""A site's secrets of one round of secure aggregation: drawn, shared, used once, forgotten.

Bonawitz et al., Practical Secure Aggregation for Privacy-Preserving Machine Learning, CCS 2017,
figure 4, without signatures. Every step takes the secrets out of their place and puts the next
state there, so that no step is done twice with the same keys: two updates under one mask would tell
their difference, and two answers about a site might tell both of its secrets.
"""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from flmrcm.errors import SiteRefuses
from flmrcm.files import write_atomically
from flmrcm.privacy.mask_streams import (
    KEY_SIZE,
    MaskStream,
    agree_on_key,
    derive_key,
    find_public_key,
    open_sealed,
    seal,
)
from flmrcm.privacy.secret_sharing import SIZE, draw_secret, split_secret

FEWEST_SITES = 3
"""Sites in a sum: of two, each knows the other's part."""


@dataclass(frozen=True)
class RoundKeys:
    """What a site knows of a round's masks.

    Attributes:
        site: its name.
        round: counted from 0.
        sealing: its private key by which shares are sealed to it.
        masking: its private key of masks shared with one other site.
        seed: of the mask that it shares with nobody.
        roster: public keys, by site; empty before they came.
        threshold: shares that give a secret back.
        shares: of each site's two secrets, `masking` and `seed` in one, that it holds.
        masked: whether its masks are used up.
    """

    site: str
    round: int
    sealing: bytes = field(default_factory=draw_secret, repr=False)
    masking: bytes = field(default_factory=draw_secret, repr=False)
    seed: bytes = field(default_factory=draw_secret, repr=False)
    roster: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    threshold: int = 0
    shares: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    masked: bool = False

    @property
    def public(self) -> bytes:
        """Its two public keys, of sealing and of masking."""
        return find_public_key(self.sealing) + find_public_key(self.masking)

    def share(
        self, roster: Mapping[str, bytes], threshold: int
    ) -> tuple["RoundKeys", dict[str, bytes]]:
        """Return the next state, and for each other site its sealed shares of both secrets.

        Args:
            roster: public keys of all sites that may take part.
            threshold: more than half of them, so that no two answers about a site hold enough
                shares of both its secrets.

        Raises:
            SiteRefuses: keys came before, its own isn't among them, or there are too few.
        """
        _require(not self.roster, "the other sites' keys came before")
        _require(roster.get(self.site) == self.public, "its own key isn't among the round's")
        _require(len(roster) >= FEWEST_SITES, f"{len(roster)} sites are too few")
        _require(len(roster) < 2 * threshold <= 2 * len(roster), "the threshold is out of range")
        parts = [split_secret(s, threshold, len(roster)) for s in (self.masking, self.seed)]
        own = {site: a + b for site, a, b in zip(sorted(roster), *parts, strict=True)}
        state = replace(
            self, roster=roster, threshold=threshold, shares={self.site: own[self.site]}
        )
        others = own.keys() - {self.site}
        return state, {o: seal(state._find_seal(self.site, o), own[o]) for o in sorted(others)}

    def receive(self, sealed: Mapping[str, bytes]) -> "RoundKeys":
        """Return the state with other sites' shares, its masks being used from now on.

        Args:
            sealed: by the site they are of; who sent none isn't in the sum.

        Raises:
            SiteRefuses: masks were used before; shares are of strangers, were changed, or too few.
        """
        _require(bool(self.roster) and not self.masked, "its masks are used up")
        _require(sealed.keys() <= self.roster.keys() - {self.site}, "shares of strangers came")
        fewest = max(self.threshold, FEWEST_SITES)
        _require(len(sealed) + 1 >= fewest, f"{len(sealed) + 1} sites are too few")
        try:
            opened = {o: open_sealed(self._find_seal(o, self.site), x) for o, x in sealed.items()}
        except ValueError as error:
            raise _refuse(f"another site's shares can't be read ({error})") from None
        whole = all(len(shares) == 2 * SIZE for shares in opened.values())
        _require(whole, "another site's shares are of another length")
        return replace(self, shares={**self.shares, **opened}, masked=True)

    def list_streams(self) -> list[MaskStream]:
        """Return the site's masks: its own, and one with each other site that shared secrets."""
        others = sorted(self.shares.keys() - {self.site})
        return [find_self_stream(self.seed)] + [
            find_pair_stream(self.masking, self.site, other, self.roster[other], self.round)
            for other in others
        ]

    def reveal(self, survivors: Collection[str]) -> dict[str, bytes]:
        """Return a share of one secret of each site: of its seed if it survives, else of its key.

        Args:
            survivors: sites whose masked update counts.

        Raises:
            SiteRefuses: nothing was masked, it isn't among them itself, or they are too few.
        """
        _require(self.masked, "nothing was masked")
        _require(self.site in survivors, "its own update doesn't count")
        _require(set(survivors) <= self.shares.keys(), "strangers are among the survivors")
        fewest = max(self.threshold, FEWEST_SITES)
        _require(len(set(survivors)) >= fewest, f"{len(set(survivors))} sites are too few")
        seeds, keys = slice(SIZE, None), slice(SIZE)
        return {s: x[seeds if s in survivors else keys] for s, x in self.shares.items()}

    def _find_seal(self, sender: str, receiver: str) -> bytes:
        """Return the key of what one site seals for another; this is one of the two."""
        other = receiver if sender == self.site else sender
        public = self.roster[other][:KEY_SIZE]
        try:
            return agree_on_key(self.sealing, public, "seal", self.round, sender, receiver)
        except ValueError:
            raise _refuse("another site's key is none") from None


class KeyStore:
    """The place of a site's secrets between a round's calls; nobody takes them twice.

    Args:
        path: a file that only its owner may read; None keeps them in this process.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._kept: RoundKeys | None = None

    def put(self, keys: RoundKeys) -> None:
        """Keep a state in the place of whatever is there."""
        if self.path is None:
            self._kept = keys
            return
        write_atomically(self.path, json.dumps(asdict(keys), default=bytes.hex), mode=0o600)

    def take(self, round_: int) -> RoundKeys:
        """Return the state of a round, and forget it here.

        Raises:
            SiteRefuses: there is none, or one of another round.
        """
        keys = self._read_once()
        if keys is None or keys.round != round_:
            raise _refuse(f"it has no keys of round {round_}, or they are used up")
        return keys

    def _read_once(self) -> RoundKeys | None:
        if self.path is None:
            kept, self._kept = self._kept, None
            return kept
        # renamed first: of two processes that ask at once, one gets them
        taken = self.path.with_name(f".{self.path.name}.{token_hex(4)}.{os.getpid()}")
        try:
            self.path.rename(taken)
            return _parse(json.loads(taken.read_text()))
        except FileNotFoundError:
            return None
        finally:
            taken.unlink(missing_ok=True)


def find_pair_stream(
    private: bytes, site: str, other: str, public: bytes, round_: int
) -> MaskStream:
    """Return the mask that a site shares with another; the other's has the other sign.

    Args:
        private: the site's masking key.
        site: its name.
        other: the other's name.
        public: the other's two public keys.
        round_: counted from 0.
    """
    first, second = sorted((site, other))
    try:
        key = agree_on_key(private, public[KEY_SIZE:], "mask", round_, first, second)
    except ValueError:
        raise _refuse("another site's key is none") from None
    return MaskStream(key, 1 if site == first else -1)


def find_self_stream(seed: bytes) -> MaskStream:
    """Return the mask that a site shares with nobody."""
    return MaskStream(derive_key(seed, "own mask"), 1)


def _parse(content: Mapping[str, Any]) -> RoundKeys:
    read: dict[str, Any] = dict(content)
    for key in ("sealing", "masking", "seed"):
        read[key] = bytes.fromhex(content[key])
    for key in ("roster", "shares"):
        read[key] = {site: bytes.fromhex(text) for site, text in content[key].items()}
    return RoundKeys(**read)


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise _refuse(why)


def _refuse(why: str) -> SiteRefuses:
    return SiteRefuses(f"secure aggregation: {why}.", "masking")
