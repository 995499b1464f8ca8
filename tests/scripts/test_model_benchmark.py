"""The models' benchmark times equal work: VarNet and fastMRI's with one set of weights."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

pytest.importorskip("fastmri.models.varnet")


@pytest.fixture
def models(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    return import_module("measured.models")


@pytest.fixture
def varnet(models, tmp_path):
    return models.make_coil_parts(tmp_path, models.QUICK, "model=varnet", "model.cascades=1")


def test_both_networks_are_timed_forward_and_in_a_step(models, varnet):
    figures = models.compare_with_fastmri(varnet, 1)
    assert [figure.name.split(",")[0] for figure in figures] == ["VarNet forward", "VarNet step"]
    assert all(set(figure.raw) == {"first", "second"} for figure in figures)


def test_unequal_images_stop_the_comparison(models, varnet, monkeypatch):
    by_fastmri = models._reconstruct_by_fastmri
    monkeypatch.setattr(models, "_reconstruct_by_fastmri", lambda *a: by_fastmri(*a) * 1.001)
    with pytest.raises(ValueError, match="images differ from fastMRI's by"):
        models.compare_with_fastmri(varnet, 1)


def test_a_batch_has_eight_coils_and_a_step_changes_the_weights(models, varnet):
    batch = models.read_batch(varnet)
    assert batch.kspace is not None
    assert batch.kspace.shape[1] == models.COILS == 8
    before = {k: v.clone() for k, v in varnet.module.state_dict().items()}
    models.make_coil_step(varnet)()
    after = varnet.module.state_dict()
    assert any(not torch.equal(before[k], after[k]) for k in before)
