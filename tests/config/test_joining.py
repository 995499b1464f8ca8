"""Joining: who must be there is waited for no longer, who may be missing is told, all is booked."""

from dataclasses import asdict

import pytest
from kits.factories import write_site

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.federation import join_sites
from flmrcm.config.travelling import select_travelling_config
from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.site_facts import collect_facts
from flmrcm.federation.workload import Workload
from flmrcm.middleware.ledger import Ledger

SITES = {"brats": "BraTS", "fastmri": "fastMRI", "hpks": "HPKS", "ixi": "IXI"}
WORDS = ["sites=bfhi", "target=brats", "compute=cpu", "model.channels=2", "model.pools=2",
         "local.batch_size=2"]  # fmt: skip


class Remote:
    """An engine whose sites tell their facts, all but those who are away."""

    data_is_local = False

    def __init__(self, sites, away=()):
        self.all, self.away, self.workloads = sites, away, {}

    def sites(self):
        return sorted(self.all)

    def join(self, splits):
        there = {name: needed for name, needed in splits.items() if name not in self.away}
        reasons = {name: f"site {name}, round 0: isn't connected." for name in self.away}
        return {name: collect_facts(self.all[name], s) for name, s in there.items()}, reasons


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("clinics")
    for count, folder in enumerate(SITES.values()):
        write_site(root / folder, {"train": (2 + count,), "val": (2,)})
    return root


@pytest.fixture
def join(root, tmp_path):
    """Joins a run's sites, those that are away excepted; its book lies in `tmp_path`."""

    def joining(*words, away=()):
        parts = check_config(compose_config("train", [*WORDS, f"data_dir={root}", *words]))
        engine = Remote(parts.sites, away)
        join_sites(parts, engine, Ledger(tmp_path / "ledger.csv"))
        return parts, engine

    return joining


def test_each_site_is_told_its_share_by_what_it_told(join):
    _, engine = join("budget=steps", "local.epochs=2")
    steps = {site: share.steps for site, share in engine.workloads.items()}
    assert steps == {"brats": 2, "fastmri": 4, "hpks": 4, "ixi": 6}
    _, engine = join("local.epochs=2")
    assert set(engine.workloads.values()) == {Workload(2)}


def test_what_crosses_is_booked_the_config_to_all_the_facts_from_those_that_came(join, tmp_path):
    parts, _ = join("robust.quorum=3", away=("ixi",))
    entries = Ledger(tmp_path / "ledger.csv").read()
    told = {(entry.site, entry.name) for entry in entries if entry.way == "to_site"}
    came = {(entry.site, entry.name) for entry in entries if entry.way == "from_site"}
    facts = asdict(collect_facts(parts.sites["brats"], ["train"]))
    assert told == {(site, key) for site in SITES for key in select_travelling_config(parts.config)}
    assert came == {(site, fact) for site in ("brats", "fastmri", "hpks") for fact in facts}


@pytest.mark.parametrize(
    "words", [[], ["budget=steps", "robust.quorum=3"], ["robust.quorum=3", "target=ixi"]]
)
def test_who_is_needed_and_away_ends_the_run_with_its_reason(join, words):
    with pytest.raises(SiteFailed) as failed:
        join("strategy=fl_mrcm_latent", *words, away=("ixi",))
    assert str(failed.value) == "site ixi, round 0: isn't connected."


def test_with_a_quorum_the_run_begins_without_who_may_be_missing(join, caplog):
    join("robust.quorum=3", away=("ixi",))
    assert "isn't connected. The run begins without it." in caplog.text


def test_fewer_than_the_quorum_are_told_with_every_reason(join):
    with pytest.raises(SiteFailed) as failed:
        join("robust.quorum=3", away=("hpks", "ixi"))
    first, *reasons = str(failed.value).splitlines()
    assert first == "3 sites have to take part (robust.quorum), 2 do."
    assert [reason.split(",")[0] for reason in reasons] == ["site hpks", "site ixi"]


def test_a_model_that_does_not_fit_what_a_site_told_is_refused(join):
    with pytest.raises(ConfigErrors, match="16×16"):
        join("model.pools=6")
