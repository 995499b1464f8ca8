"""A coordinator runs no code at a site: whatever a config names, nothing of it is built."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch


class Tripwire:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def write_pickles(folder, hit):
    """Write files that touch `hit` when a loader unpickles them."""
    (folder / "x.pkl").write_bytes(pickle.dumps(Tripwire(hit)))
    torch.save(Tripwire(hit), folder / "x.pt")
    np.save(folder / "x.npy", np.array([Tripwire(hit)], dtype=object), allow_pickle=True)


def list_nodes(folder):
    """Return nodes that would copy, write, delete, execute or unpickle, were they built."""
    hit, policy = str(folder / "hit"), str(folder / "policy.yaml")
    path = {"_target_": "pathlib.Path", "_args_": [hit]}
    return [
        {"_target_": "shutil.copyfile", "src": policy, "dst": hit},
        {"_target_": "shutil.rmtree", "path": str(folder / "mri")},
        {"_target_": "os.remove", "path": policy},
        {"_target_": "os.system", "command": f"touch {hit}"},
        {"_target_": "subprocess.run", "args": ["touch", hit]},
        {"_target_": "builtins.open", "file": hit, "mode": "w"},
        {"_target_": "builtins.exec", "_args_": [f"open({hit!r}, 'w')"]},
        {"_target_": "pathlib.Path.touch", "self": path},
        {"_target_": "pathlib.Path.write_text", "self": path, "data": "operations: [survey]"},
        {"_target_": "numpy.savetxt", "fname": hit, "X": [1]},
        {"_target_": "tempfile.mkdtemp", "dir": str(folder), "prefix": "hit"},
        {"_target_": "torch.load", "f": str(folder / "x.pt"), "weights_only": False},
        {"_target_": "joblib.load", "filename": str(folder / "x.pkl")},
        {"_target_": "numpy.load", "file": str(folder / "x.npy"), "allow_pickle": True},
        {"_target_": "pandas.read_pickle", "filepath_or_buffer": str(folder / "x.pkl")},
        {"_target_": "hydra.utils.get_object", "path": "antigravity"},
        {"_target_": "flmrcm.mri.masks.Random", "seed": {"_target_": "os.remove", "path": policy}},
        {"_target_": "flmrcm.mri.masks.Random", "_args_": [{"_target_": "os.getcwd"}]},
        {"_target_": "flmrcm.simulation.simulated_site.SimulatedSite", "cache": hit},
        {"_partial_": True, "_target_": "os.system", "command": f"touch {hit}"},
    ]  # fmt: skip


PLACES = {
    "a site's mask": ("sites", "ixi", "mask"),
    "another site's mask": ("sites", "brats", "mask"),
    "a site's generator": ("sites", "ixi", "generator"),
    "mask": ("mask",),
    "model": ("model",),
    "strategy": ("strategy",),
    "loss": ("loss",),
    "metric": ("metrics", "psnr"),
    "a new metric": ("metrics", "mine"),
    "middleware": ("middleware", "mine"),
    "optimizer": ("local", "optimizer"),
    "engine": ("engine",),
    "compute": ("compute",),
    "data": ("data",),
    "a new key": ("mine",),
}


def put(config, place, node):
    changed = copy.deepcopy(config)
    *above, last = place
    inner = changed
    for key in above:
        inner = inner[key]
    inner[last] = node
    return changed


def look_at(folder):
    """Return everything that an attack could change, but for the site's own notes."""
    kept = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "runs" not in p.parts}
    return {str(p.relative_to(folder)): content for p, content in kept.items()}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_node_that_names_something_else_is_built(knock, call, config, tmp_path, place):
    write_pickles(tmp_path, tmp_path / "hit")
    before = look_at(tmp_path)
    for node in list_nodes(tmp_path):
        head = knock(call(), json.dumps(put(config, place, node)))
        assert head["error"] == "config", node
        assert head["facts"] is None
        assert look_at(tmp_path) == before, node
    assert not [*tmp_path.glob("hit*")]


def test_the_harmless_config_is_answered(knock, call, config):
    head = knock(call(), json.dumps(config))
    assert head["error"] is None
    assert head["facts"]["n_examples"] == 3


def test_a_call_that_the_policy_refuses_builds_nothing(knock, call, config, tmp_path):
    policy = (tmp_path / "policy.yaml").read_text()
    for node in list_nodes(tmp_path):
        changed = json.dumps(put(config, ("sites", "ixi", "mask"), node))
        assert knock(call(op="survey"), changed)["error"] == "operation"
    assert (tmp_path / "policy.yaml").read_text() == policy
    assert not [*tmp_path.glob("hit*")]


def test_without_a_readable_policy_nothing_is_answered(knock, call, config, tmp_path):
    (tmp_path / "policy.yaml").write_text("operations: [")
    assert knock(call(), json.dumps(config))["error"] == "policy_file"


@pytest.mark.parametrize(
    "targets", [["builtins.open"], ["pathlib.Path.touch", "mymri.Model"]], ids=str
)
def test_a_site_may_allow_a_class_of_its_own_choice_by_name(site_file, targets):
    from flmrcm.config.allow_list import AllowList
    from flmrcm.remote.site_settings import read_site_settings

    site_file.write_text(site_file.read_text() + f"allowed_targets: {json.dumps(targets)}\n")
    allowed = AllowList(read_site_settings(site_file).allowed_targets)
    assert all(allowed.allows(target) for target in targets)
    assert not allowed.allows("os.system")
