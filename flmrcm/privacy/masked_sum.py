"""The server's part of secure aggregation: a sum of masked integers, and what unmasks it."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from flmrcm.privacy.fixed_point import Integers
from flmrcm.privacy.mask_streams import KEY_SIZE, MaskStream, add_streams, find_public_key
from flmrcm.privacy.round_keys import find_pair_stream, find_self_stream
from flmrcm.privacy.secret_sharing import join_shares


class MaskedSum:
    """A sum to which masked integers are added; one site's alone says nothing.

    Args:
        roster: public keys of all sites that got shares, by name.
        sharers: those whose own secrets are shared: each has a mask with each other.
        threshold: shares that give a secret back.
        round_: counted from 0.
    """

    def __init__(
        self, roster: Mapping[str, bytes], sharers: Collection[str], threshold: int, round_: int
    ) -> None:
        self.roster, self.sharers, self.threshold = roster, sorted(sharers), threshold
        self.round, self.survivors = round_, list[str]()
        self._total: Integers | None = None

    def add(self, site: str, masked: Integers) -> None:
        """Add a site's masked integers, all of one length; modulo 2⁶⁴."""
        if self._total is None:
            self._total = np.zeros_like(masked)
        self._total += masked
        self.survivors.append(site)

    def unmask(self, revealed: Mapping[str, Mapping[str, bytes]]) -> Integers:
        """Return the sum without masks, its lowest bits being right.

        Args:
            revealed: for each holder, its share of one secret of each sharer.

        Raises:
            ValueError: too few holders, no sum, or shares that don't fit.
        """
        if self._total is None or len(revealed) < self.threshold:
            raise ValueError(f"{len(revealed)} sites gave shares, {self.threshold} are needed")
        add_streams(self._total, self._list_left(revealed))
        return self._total

    def _list_left(self, revealed: Mapping[str, Mapping[str, bytes]]) -> Iterator[MaskStream]:
        """Return what takes away the masks that didn't cancel."""
        places = {site: place for place, site in enumerate(sorted(self.roster), 1)}
        holders = sorted(revealed)[: self.threshold]
        for owner in self.sharers:
            secret = join_shares({places[h]: revealed[h][owner] for h in holders})
            if owner in self.survivors:
                yield find_self_stream(secret).inverted()
                continue
            if find_public_key(secret) != self.roster[owner][KEY_SIZE:]:
                raise ValueError(f"the shares of {owner}'s key don't fit")
            for other in self.survivors:  # what the missing site would have added
                yield find_pair_stream(secret, owner, other, self.roster[other], self.round)
