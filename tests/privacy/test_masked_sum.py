"""A sum without masks: of exactly those whose integers were added."""

import numpy as np
import pytest

from flmrcm.privacy.mask_streams import add_streams
from flmrcm.privacy.masked_sum import MaskedSum
from flmrcm.privacy.round_keys import RoundKeys

SITES = ("a", "b", "c", "d")


def agree(threshold=3):
    """Return sites' keys that have been shared, and their public ones."""
    keys = {site: RoundKeys(site, 2) for site in SITES}
    roster = {site: k.public for site, k in keys.items()}
    shared = {site: k.share(roster, threshold) for site, k in keys.items()}
    return roster, {
        site: k.receive(
            {other: sealed[site] for other, (_, sealed) in shared.items() if other != site}
        )
        for site, (k, _) in shared.items()
    }


def add_up(survivors, holders, alter=lambda revealed: revealed):
    roster, keys = agree()
    masked = MaskedSum(roster, SITES, 3, 2)
    for number, site in enumerate(survivors, 1):
        values = np.full(9, number, np.uint64)
        add_streams(values, keys[site].list_streams())
        masked.add(site, values)
    return masked.unmask(alter({h: keys[h].reveal(survivors) for h in holders}))


@pytest.mark.parametrize("survivors", [SITES, "abc", "bcd"])
def test_what_is_left_is_the_sum(survivors):
    expected = sum(range(1, len(survivors) + 1))
    assert (add_up(survivors, survivors) == expected).all()
    assert (add_up(survivors, survivors[-3:]) == expected).all()


def test_too_few_shares_or_no_sum_are_said():
    with pytest.raises(ValueError, match="2 sites gave shares, 3 are needed"):
        add_up(SITES, "ab")
    with pytest.raises(ValueError, match="3 sites gave shares"):
        MaskedSum({}, SITES, 3, 2).unmask({holder: {} for holder in "abc"})


def test_shares_of_another_key_are_noticed():
    def alter(revealed):
        return {h: {**shares, "d": shares["a"]} for h, shares in revealed.items()}

    with pytest.raises(ValueError, match="the shares of d's key don't fit"):
        add_up("abc", "abc", alter)
