"""Shamir's sharing: any t shares tell the secret, fewer tell nothing."""

from itertools import combinations

import pytest

from flmrcm.privacy.secret_sharing import PRIME, SIZE, draw_secret, join_shares, split_secret


def by_place(shares, places):
    return {place: shares[place - 1] for place in places}


@pytest.mark.parametrize(
    "secret",
    [bytes(SIZE), (PRIME - 1).to_bytes(SIZE, "big"), draw_secret()],
    ids=["zero", "largest", "drawn"],
)
def test_any_shares_as_many_as_the_threshold_give_the_secret(secret):
    shares = split_secret(secret, 3, 5)
    for count in (3, 4, 5):
        for places in combinations(range(1, 6), count):
            assert join_shares(by_place(shares, places)) == secret


def test_fewer_shares_fit_every_secret():
    secret, other = draw_secret(), draw_secret()
    two = by_place(split_secret(secret, 3, 5), (1, 2))
    assert join_shares(two) != secret
    # some third share makes any secret of these two: solved for at 3, the law of a polynomial
    third = (int.from_bytes(other, "big") - sum(
        int.from_bytes(two[x], "big") * weight for x, weight in ((1, 3), (2, -3))
    )) % PRIME  # fmt: skip
    assert join_shares({**two, 3: third.to_bytes(SIZE, "big")}) == other


def test_shares_are_drawn_anew_and_are_not_the_secret():
    secret = draw_secret()
    first, second = split_secret(secret, 3, 5), split_secret(secret, 3, 5)
    assert not {*first} & {*second, secret}
    assert draw_secret() != draw_secret()
