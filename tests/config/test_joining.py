"""Joining: a needed site that is absent ends the run, others are reported, all is recorded."""

from dataclasses import asdict

import pytest
from kits.factories import write_site

from flmrcm.config.check import check_config
from flmrcm.config.compose import compose_config
from flmrcm.config.federation import join_sites
from flmrcm.config.travelling import select_travelling_config
from flmrcm.errors import ConfigErrors, SiteFailed
from flmrcm.federation.engine import Joined
from flmrcm.federation.site_facts import collect_facts
from flmrcm.federation.workload import Workload
from flmrcm.middleware.ledger import Ledger

SITES = {"brats": "BraTS", "fastmri": "fastMRI", "hpks": "HPKS", "ixi": "IXI"}
WORDS = ["sites=bfhi", "target=brats", "compute=cpu", "model.channels=2", "model.pools=2",
         "local.batch_size=2"]  # fmt: skip


class Remote:
    """An engine whose sites send their facts, except absent ones."""

    data_is_local = False

    def __init__(self, sites, absent=(), refusing=()):
        self.all, self.absent, self.workloads = sites, {*absent, *refusing}, {}
        self.refusing = refusing

    def sites(self):
        return sorted(self.all)

    def join(self, splits):
        present = {name: needed for name, needed in splits.items() if name not in self.absent}
        reasons = {name: f"site {name}, round 0: isn't connected." for name in self.absent}
        facts = {name: collect_facts(self.all[name], s) for name, s in present.items()}
        return Joined(facts, reasons, dict.fromkeys(self.refusing, "failed"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("clinics")
    for count, folder in enumerate(SITES.values()):
        write_site(root / folder, {"train": (2 + count,), "val": (2,)})
    return root


@pytest.fixture
def join(root, tmp_path):
    """Return a function that joins a run's sites, except absent ones, and writes a ledger."""

    def joining(*words, absent=(), refusing=()):
        setup = check_config(compose_config("train", [*WORDS, f"data_dir={root}", *words]))
        engine = Remote(setup.sites, absent, refusing)
        join_sites(setup, engine, Ledger(tmp_path / "ledger.csv"))
        return setup, engine

    return joining


def test_each_sites_workload_follows_from_its_facts(join):
    _, engine = join("budget=steps", "local.epochs=2")
    steps = {site: workload.steps for site, workload in engine.workloads.items()}
    assert steps == {"brats": 2, "fastmri": 4, "hpks": 4, "ixi": 6}
    _, engine = join("local.epochs=2")
    assert set(engine.workloads.values()) == {Workload(2)}


def test_the_ledger_holds_the_config_to_all_sites_and_the_facts_of_those_that_joined(
    join, tmp_path
):
    setup, _ = join("robust.quorum=3", absent=("ixi",))
    entries = Ledger(tmp_path / "ledger.csv").read()
    sent = {(entry.site, entry.name) for entry in entries if entry.way == "to_site"}
    received = {(entry.site, entry.name) for entry in entries if entry.way == "from_site"}
    facts = asdict(collect_facts(setup.sites["brats"], ["train"]))
    assert sent == {(site, key) for site in SITES for key in select_travelling_config(setup.config)}
    assert received == {(site, fact) for site in ("brats", "fastmri", "hpks") for fact in facts}


def test_a_site_that_refuses_to_join_is_in_the_ledger_by_its_word(join, tmp_path):
    join("robust.quorum=3", refusing=("ixi",))
    (entry,) = (e for e in Ledger(tmp_path / "ledger.csv").read() if e.kind == "errors")
    assert (entry.site, entry.op, entry.way, entry.name) == ("ixi", "join", "from_site", "failed")


@pytest.mark.parametrize(
    "words", [[], ["budget=steps", "robust.quorum=3"], ["robust.quorum=3", "target=ixi"]]
)
def test_a_needed_site_that_is_absent_ends_the_run_with_its_reason(join, words):
    with pytest.raises(SiteFailed) as failed:
        join("strategy=fl_mrcm_latent", *words, absent=("ixi",))
    assert str(failed.value) == "site ixi, round 0: isn't connected."


def test_with_a_quorum_the_run_begins_without_an_absent_site(join, caplog):
    join("robust.quorum=3", absent=("ixi",))
    assert "isn't connected. The run begins without it." in caplog.text


def test_fewer_than_the_quorum_end_the_run_with_every_reason(join):
    with pytest.raises(SiteFailed) as failed:
        join("robust.quorum=3", absent=("hpks", "ixi"))
    first, *reasons = str(failed.value).splitlines()
    assert first == "3 sites have to take part (robust.quorum), 2 do."
    assert [reason.split(",")[0] for reason in reasons] == ["site hpks", "site ixi"]


def test_a_model_that_does_not_fit_a_sites_facts_is_refused(join):
    with pytest.raises(ConfigErrors, match="16×16"):
        join("model.pools=6")
