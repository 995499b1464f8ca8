"""A network for other programs gives the images of the network, in the data's own units."""

from importlib.util import find_spec

import pytest
import torch
from kits.factories import make_unet, scanned

from flmrcm.app import main
from flmrcm.data.transforms import prepare_images
from flmrcm.errors import FlmrcmError
from flmrcm.models.cascade import Cascade
from flmrcm.mri.acquisition import Cartesian
from flmrcm.mri.normalisation import denormalise
from flmrcm.runs import export
from flmrcm.runs.export import Export, ImageNetwork, KspaceNetwork
from flmrcm.seeding import seeded
from flmrcm.types import Batch

SIZE = (16, 20)
UNET = ("model=unet", "model.channels=2", "model.pools=2", "matrix=[16,20]")
CASCADE = ("model=cascade", "model.cascades=2", "model.layers=2", "model.channels=4")
needs_onnx = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))), reason="onnx isn't installed"
)


def make_cascade():
    with seeded("network", 0):
        return Cascade(2, 2, 4).eval()


def measure(n=3):
    """Return k-space of one coil, undersampled, and its mask."""
    kspace = torch.from_numpy(scanned(n, SIZE)[0]).view(n, 1, *SIZE)
    mask = (torch.arange(SIZE[1]) % 3 > 0).expand(n, 1, 1, SIZE[1])
    return kspace * mask, mask


def reconstruct(model, kspace, mask):
    """Return the zero-filled images and the network's, as evaluation makes them."""
    seen = prepare_images(kspace, Cartesian(mask), None, 256, clamp_target=False)
    batch = Batch(*seen, mask, ["here"] * len(mask), torch.arange(len(mask)), kspace)
    with torch.no_grad():
        image = denormalise(model.eval()(batch).image, seen.mean, seen.std)
    return Cartesian(mask).reconstruct_magnitude(kspace)[:, None], image


@pytest.fixture
def save(tmp_path):
    """Writes weights as a checkpoint of others; returns the word that names it."""

    def write(model):
        torch.save(model.state_dict(), tmp_path / "weights.pt")
        return f"checkpoint={tmp_path / 'weights.pt'}"

    return write


def test_a_network_on_images_is_exported_with_its_normalisation(tmp_path, save):
    model, path = make_unet(), tmp_path / "net.pt2"
    main(["export", save(model), f"output={path}", *UNET])
    zero_filled, expected = reconstruct(model, *measure())
    with torch.no_grad():
        found = torch.export.load(path).module()(zero_filled)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_network_on_kspace_is_exported_too(tmp_path, save):
    model, path = make_cascade(), tmp_path / "net.pt2"
    main(["export", save(model), f"output={path}", *CASCADE, "matrix=[16,20]"])
    kspace, mask = measure()
    with torch.no_grad():
        found = torch.export.load(path).module()(torch.view_as_real(kspace), mask)
    torch.testing.assert_close(found, reconstruct(model, kspace, mask)[1], atol=1e-5, rtol=1e-4)


@needs_onnx
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of PyTorch's own exporter
def test_onnx_gives_the_images_of_torch(tmp_path, save):
    import onnxruntime

    model, path = make_unet(), tmp_path / "net.onnx"
    main(["export", save(model), f"output={path}", "format=onnx", *UNET])
    zero_filled, expected = reconstruct(model, *measure())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"zero_filled": zero_filled.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("network", [ImageNetwork(make_unet()), KspaceNetwork(make_cascade())])
def test_what_gives_other_images_is_not_written(tmp_path, monkeypatch, network):
    def write(_job):
        return b"", lambda inputs: network(*inputs.values()) * 1.1

    monkeypatch.setattr(export, "_WRITERS", {"torch_export": write})
    inputs = export._make_inputs(network.model, *SIZE)
    with pytest.raises(FlmrcmError, match="nothing is written"):
        Export(network.eval(), inputs, "torch_export").write(tmp_path / "net.pt2")
    assert not (tmp_path / "net.pt2").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["format=tflite", *UNET], "format=tflite: use one of"),
        (["format=onnx", *CASCADE], "format=onnx: Cascade computes with complex numbers"),
        (["model=unet", "model.channels=2", "model.pools=2", "matrix=[4,4]"], "model.pools=2"),
    ],
)
def test_what_can_not_be_exported_is_one_line(tmp_path, save, capsys, words, said):
    model = make_cascade() if "model=cascade" in words else make_unet()
    with pytest.raises(SystemExit):
        main(["export", save(model), f"output={tmp_path / 'net'}", *words])
    assert said in capsys.readouterr().err
    assert not (tmp_path / "net").exists()
