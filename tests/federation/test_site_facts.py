"""Facts are numbers and name nothing."""

import json
from dataclasses import asdict

import h5py
import pytest
from kits.factories import make_site, write_site

from flmrcm.errors import DataLayoutError
from flmrcm.federation.site_facts import collect_facts


def test_facts_count_what_the_site_counts(sites):
    site = sites["east"]
    facts = collect_facts(site, ["train", "val"])
    assert (facts.n_examples, facts.n_batches) == (site.n_examples, site.n_batches)
    assert facts.fingerprint == site.fingerprint()
    assert facts.sizes == {"train": [(16, 16)], "val": [(16, 16)]}
    assert facts.has("test")


def test_facts_name_no_volume_and_no_folder(sites):
    site = sites["east"]
    text = json.dumps(asdict(collect_facts(site, ["train"])))
    names = [volume.name for volume, _ in site.slices("train").examples]
    assert not [name for name in names if name in text]
    assert str(site.sources[0].folder) not in text


def test_a_black_test_target_is_found_before_any_training(tmp_path):
    root = write_site(tmp_path / "north")
    path = root / "T1" / "test" / "test_0.h5"
    with h5py.File(path, "r+") as file:
        file["reconstruction_esc"][...] = 0
    with pytest.raises(DataLayoutError, match=r"test_0\.h5"):
        collect_facts(make_site(root), ["train", "val"])
