"""Secure aggregation: what the server learns is the mean of plain aggregation, and no more."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from kits.laws import equal
from kits.masked_sites import KEYS, NAMES, SHARES, TRAIN, UNMASK, Altered, MaskedSites, close, flip

from flmrcm.errors import SiteFailed, SiteRefuses
from flmrcm.middleware.dp_site import DPSite
from flmrcm.middleware.secure_aggregation import SecureAggregation
from flmrcm.privacy.mask_messages import MASK_SHARES, SURVIVORS, pack_bytes, pack_scale
from flmrcm.remote.site_errors import find_kind
from flmrcm.strategies.fedavg import FedAvg
from flmrcm.strategies.fedper import FedPer
from flmrcm.strategies.fedprox import FedProx
from flmrcm.strategies.server_optimizer import FedAdam
from flmrcm.types import Broadcast

RULE = SecureAggregation()
SECURE = {"members": {"secure_aggregation": RULE}}


def count_ones(masked):
    """Return the share of ones in each bit of masked weights, (bits,)."""
    bytes_ = masked.reshape(-1, masked.shape[-1])
    bits = (bytes_[..., None] >> torch.arange(8, dtype=torch.uint8)) & 1
    return bits.float().mean(0).flatten()


def test_a_masked_update_looks_uniform_whatever_it_is_of():
    n = 40_000
    values = torch.zeros(n), torch.full((n,), 900.0), torch.linspace(-1000, 1000, n)
    sites = MaskedSites(
        NAMES[:3], weights={k: {"a": v} for k, v in zip(NAMES, values, strict=False)}
    )
    mean = sites.run()["east"].weights["a"]
    assert torch.allclose(mean, sum(values) / 3)
    assert (
        count_ones(RULE.build_ring(3).pack(encode(values[0]), {"a": values[0]})["a"]) == 0
    ).all()
    for site in sites.names:
        masked = sites.seen[site, TRAIN].weights["a"]
        assert masked.shape == (n, 6)
        assert (count_ones(masked) - 0.5).abs().max() < 5 * 0.5 / n**0.5
        highest = masked[:, -1].float()
        assert abs(float(torch.corrcoef(torch.stack([highest, values[2]]))[0, 1])) < 5 / n**0.5


def encode(values):
    return RULE.build_ring(3).encode({"a": values}, 1.0)


def test_sums_of_some_masked_updates_look_uniform_too():
    n = 40_000
    sites = MaskedSites(NAMES[:4], weights={k: {"a": torch.zeros(n)} for k in NAMES[:4]})
    sites.run()
    ring = RULE.build_ring(4)
    parts = [ring.unpack(sites.seen[s, TRAIN].weights, {"a": torch.zeros(n)}) for s in sites.names]
    for count in (2, 3, 4):  # of all four the self-masks are left
        summed = ring.pack(sum(parts[:count]), {"a": torch.zeros(n)})["a"]
        assert (count_ones(summed) - 0.5).abs().max() < 5 * 0.5 / n**0.5


def test_keys_and_masks_are_new_in_each_round_and_each_time():
    sites, sent = MaskedSites(), []
    for round_ in (0, 1, 1):
        sites.run(round_)
        sent.append((sites.seen["east", KEYS].extras, sites.seen["east", TRAIN].weights))
    for one, other in combinations(sent, 2):
        assert not equal(one[0]["mask_keys"], other[0]["mask_keys"])
        same = (one[1]["conv"] == other[1]["conv"]).float().mean()
        assert same < 0.05


def test_a_site_reveals_once_and_of_each_site_one_secret(tmp_path):
    for folder in (None, tmp_path):
        sites = MaskedSites(gone={"west": TRAIN}, folder=folder)
        sites.run()
        revealed = sites.seen["east", UNMASK].extras[MASK_SHARES]
        assert revealed.keys() == set(NAMES)
        assert all(len(share) == 32 for share in revealed.values())
        for survivors in (NAMES, NAMES[:4], NAMES[:3]):
            again = Broadcast(0, {}, {SURVIVORS: pack_bytes(dict.fromkeys(survivors, b"1"))})
            with pytest.raises(SiteRefuses, match="it has no keys of round 0, or they are used up"):
                sites.call("east", "unmask", again)


@pytest.mark.parametrize("step", [SHARES, TRAIN, UNMASK])
def test_no_step_is_done_twice_with_the_same_keys(step, tmp_path):
    following = {SHARES: TRAIN, TRAIN: UNMASK}
    for folder in (None, tmp_path):
        gone = dict.fromkeys(NAMES, following[step]) if step in following else {}
        sites = MaskedSites(gone=gone, folder=folder)
        if gone:
            with pytest.raises(SiteFailed):
                sites.run()
        else:
            sites.run()
        with pytest.raises(SiteRefuses, match=r"used up|keys came before"):
            sites.call("east", {SHARES: "agree"}.get(step, step), sites.told["east", step])


@pytest.mark.parametrize("n", range(3, 40))
def test_no_two_groups_of_sites_hold_enough_shares_of_both_secrets(n):
    threshold = RULE.count_threshold(n)
    assert 3 <= threshold <= n < 2 * threshold
    assert RULE.find_count_problems(n, n) == []


def test_secrets_lie_in_a_file_of_the_owners_alone_until_they_are_used(tmp_path):
    sites = MaskedSites(gone=dict.fromkeys(NAMES, UNMASK), folder=tmp_path)
    with pytest.raises(SiteFailed):
        sites.run()
    (kept,) = (tmp_path / "east").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    sites.gone = {}
    sites.run()
    assert [*tmp_path.rglob("*.*")] == []


def tell(extras, op="agree", round_=0):
    return op, Broadcast(round_, {}, extras)


def test_a_site_gives_nothing_where_too_few_take_part():
    for names in (NAMES[:2], NAMES[:1]):
        with pytest.raises(SiteFailed, match=rf"needs 3 sites, {len(names)} are left"):
            MaskedSites(names).run()
        sites = MaskedSites(NAMES, gone=dict.fromkeys(NAMES, SHARES))
        with pytest.raises(SiteFailed):
            sites.run()
        roster = {
            k: v for k, v in sites.told["east", SHARES].extras["mask_keys"].items() if k in names
        }
        with pytest.raises(SiteRefuses, match="sites are too few"):
            sites.call("east", *tell({"mask_keys": roster}))


def test_a_site_masks_and_unmasks_for_no_fewer_sites_than_the_threshold():
    sites = MaskedSites(gone=dict.fromkeys(NAMES, TRAIN))
    with pytest.raises(SiteFailed):
        sites.run()
    message = sites.told["east", TRAIN]
    few = dict([*message.extras[MASK_SHARES].items()][:1])
    with pytest.raises(SiteRefuses, match="2 sites are too few"):
        sites.call("east", "train", replace(message, extras={**message.extras, MASK_SHARES: few}))
    sites = MaskedSites(gone=dict.fromkeys(NAMES, UNMASK))
    with pytest.raises(SiteFailed):
        sites.run()
    for survivors, why in ((NAMES[:2], "2 sites are too few"), (NAMES[1:], "its own update"),
                           ((*NAMES, "moon"), "strangers")):  # fmt: skip
        kept = sites.halves["east"].store.take(0)
        sites.halves["east"].store.put(kept)
        told = {SURVIVORS: pack_bytes(dict.fromkeys(survivors, b"1"))}
        with pytest.raises(SiteRefuses, match=why):
            sites.call("east", *tell(told, "unmask"))
        sites.halves["east"].store.put(kept)


def test_a_site_without_the_rounds_keys_sends_no_weights():
    sites = MaskedSites()
    for extras in ({}, {MASK_SHARES: {}, **pack_scale(1.0)}):
        with pytest.raises(SiteRefuses, match="secure aggregation"):
            sites.call("east", *tell(extras, "train"))
    sites.call("east", "agree", Broadcast(0, {}))
    with pytest.raises(SiteRefuses, match="it has no keys of round 1"):
        sites.call("east", *tell({"mask_keys": pack_bytes({"east": b"1"})}, round_=1))


def test_shares_that_were_changed_on_their_way_are_noticed_where_they_arrive():
    sites = Altered(at=SHARES, alter=lambda reply: flip(reply, "west"))
    with pytest.raises(SiteRefuses, match="another site's shares can't be read"):
        sites.run()
    assert ("west", TRAIN) not in sites.seen


def test_what_a_site_elsewhere_says_of_its_refusal_is_a_word_of_the_list():
    sites = MaskedSites()
    sites.weights["east"]["bias"][3] = 2000.0
    with pytest.raises(SiteRefuses) as caught:
        sites.run()
    assert find_kind(caught.value) == "range"
    with pytest.raises(SiteRefuses) as caught:
        sites.call("east", "unmask", Broadcast(7, {}, {SURVIVORS: {}}))
    assert find_kind(caught.value) == "masking"


@pytest.mark.parametrize("value", [1025.0, float("nan"), float("inf")])
def test_a_weight_that_has_no_place_in_the_ring_is_named(value):
    sites = MaskedSites()
    sites.weights["east"]["bias"][3] = value
    with pytest.raises(
        SiteRefuses, match=r"secure_aggregation\.largest: bias holds a value beyond"
    ):
        sites.run()


def test_a_count_that_has_no_place_in_the_ring_asks_for_more_bits():
    """A larger bound of the weights would leave it no more."""
    sites = MaskedSites(rule=SecureAggregation(bits=32))
    sites.weights["east"]["batches"] += 2**22
    with pytest.raises(
        SiteRefuses, match=r"secure_aggregation\.bits: batches holds a .*; use more\."
    ):
        sites.run()


@pytest.mark.parametrize("strategy", [FedAvg(), FedAvg(weighting="examples"), FedProx(), FedPer()])
def test_a_round_ends_where_plain_aggregation_ends(run, strategy):
    plain, secure = run(strategy, rounds=1), run(strategy, rounds=1, **SECURE)
    assert close(plain.weights, secure.weights)


def test_masks_are_new_yet_a_run_can_be_repeated_and_resumed_bit_for_bit(setting):
    whole = setting(**SECURE).run(FedAdam())
    halved = setting(rounds=1, **SECURE)
    halved.run(FedAdam())
    halved.rounds = 2
    assert equal(halved.run(FedAdam()).weights, whole.weights)


def test_noise_of_the_sites_adds_up_in_the_sum_alone(run):
    members = {"privacy": DPSite(noise=2.0, where="sites")}
    plain, secure = (
        run(FedAvg(), rounds=1, members=m) for m in (members, members | SECURE["members"])
    )
    assert close(plain.weights, secure.weights)


def test_the_journal_counts_less_than_eight_bytes_a_weight_shares_counted(setting):
    here = setting(rounds=1, **SECURE)
    federation = here.federation(FedAvg())
    module = here.module()
    federation.run(module.model.state_dict())
    rows = [r for r in federation.journal.read() if r.split == "wire" and r.site == "east"]
    told = {row.metric: row.value for row in rows}
    n = sum(w.numel() for w in module.model.state_dict().values())
    assert told["bytes_received/weights"] == 6 * n
    assert told["bytes_received/mask_keys"] == 64
    assert told["bytes_received/mask_shares"] == 2 * 80 + 3 * 32
    assert told["bytes_sent/mask_keys"] == 3 * 64
