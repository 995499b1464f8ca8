"""FL-MRCM at the target and the server: latents leave, and only where they should."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from kits.factories import make_batch, make_context, make_fl_mrcm, make_learner
from torch import Tensor
from torch.testing import assert_close

from flmrcm.strategies.fl_mrcm import LATENTS
from flmrcm.types import Broadcast, Reply, ServerState


def answered(batches: int = 3, seed: int = 1, **options: Any) -> Tensor:
    """The latents a target of two slices per batch sends."""
    rule = make_fl_mrcm(alignment=LATENTS, **options)
    seen = make_context(make_learner(), seed=seed)
    with torch.no_grad():
        answer = rule.answer_survey(seen, (make_batch(seed=i) for i in range(batches)))
    assert set(answer) == set(answer[LATENTS]) == {LATENTS}
    return answer[LATENTS][LATENTS]


def test_the_target_sends_one_latent_per_slice() -> None:
    expected = [make_learner().encode(make_batch(seed=i)) for i in range(3)]
    assert_close(answered(), torch.cat(expected).detach())


@pytest.mark.parametrize(("most", "rows"), [(1, 1), (3, 3), (4, 4), (99, 6), (None, 6)])
def test_the_target_sends_no_more_rows_than_allowed(most: int | None, rows: int) -> None:
    assert torch.equal(answered(max_latents=most), answered()[:rows])


def test_no_more_batches_are_encoded_than_needed() -> None:
    batches = iter([make_batch(seed=i) for i in range(3)])
    rule = make_fl_mrcm(alignment=LATENTS, max_latents=2)
    rule.answer_survey(make_context(make_learner()), batches)
    assert len(list(batches)) == 2


def test_long_latents_are_clipped_and_short_ones_left() -> None:
    plain = answered()
    limit = float(plain.norm(dim=1).median())
    clipped = answered(latent_clip=limit)
    assert clipped.norm(dim=1).max() <= limit * (1 + 1e-6)
    short = plain.norm(dim=1) <= limit
    assert 0 < short.sum() < len(plain)
    assert_close(clipped[short], plain[short])
    assert_close(F.cosine_similarity(clipped, plain), torch.ones(len(plain)))


def test_noise_has_the_given_spread_and_an_address() -> None:
    noise = answered(20, latent_noise=0.5) - answered(20)
    assert float(noise.std()) == pytest.approx(0.5, rel=0.1)
    assert float(noise.mean()) == pytest.approx(0, abs=0.05)
    assert torch.equal(answered(latent_noise=0.5), answered(latent_noise=0.5))
    assert not torch.equal(answered(latent_noise=0.5), answered(latent_noise=0.5, seed=2))


def test_noise_is_added_after_the_clip() -> None:
    noise = answered(latent_noise=0.5) - answered()
    clipped = answered(latent_clip=1e-3, latent_noise=0.5)
    assert_close(clipped - answered(latent_clip=1e-3), noise, atol=1e-5, rtol=0)


def test_only_the_target_is_surveyed_and_only_for_latents() -> None:
    state = ServerState({"w": torch.ones(1)})
    assert make_fl_mrcm(alignment="images").survey(state, 3) == {}
    assert make_fl_mrcm(alignment=LATENTS).survey(state, 3) == {"t": Broadcast(3, state.weights)}
    assert make_fl_mrcm(alignment="images").needs_target_images
    assert not make_fl_mrcm(alignment=LATENTS).needs_target_images
    assert make_fl_mrcm().needs_target


def test_latents_go_to_the_sources_and_not_back_to_the_target() -> None:
    state = ServerState({"w": torch.ones(1)})
    latents = answered()
    answer = Reply("t", 5, extras={LATENTS: {LATENTS: latents}})
    sent = make_fl_mrcm(alignment=LATENTS).broadcast(state, 3, ["a", "t"], [answer])
    assert torch.equal(sent["a"].extras[LATENTS][LATENTS], latents)
    assert sent["t"].extras == {}
