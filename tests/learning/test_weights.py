"""Weights load from anywhere, and code from nowhere."""

from pathlib import Path
from typing import Any

import pytest
import torch
from kits.factories import make_unet
from torch import Tensor, nn

from flmrcm.errors import CheckpointError
from flmrcm.learning.weights import check_weights, find_weights, match_weights, read_torch_file
from flmrcm.models.unet import UNet

NET = make_unet()
WEIGHTS = NET.state_dict()
ONE = torch.ones(1)


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in WEIGHTS.items()}


LAYOUTS = {
    "plain": WEIGHTS,
    "state_dict": {"state_dict": WEIGHTS, "epoch": 3},
    "ours": {"weights": WEIGHTS, "round": 7},
    "published": {"model": WEIGHTS, "optimizer": {"state": {}, "param_groups": []}},
    "parallel": prefixed("module."),
    "parallel within": {"model": prefixed("module."), "best": 1.0},
    "Lightning": {"state_dict": prefixed("model."), "global_step": 5},
    "fastMRI's Lightning": {"state_dict": prefixed("unet.")},
    "nested": {"state_dict": {"model": WEIGHTS}},
    "beside metrics": {"state_dict": prefixed("unet.") | {"loss.w": ONE, "NMSE.total": ONE}},
    "beside another network": {"state_dict": prefixed("model.") | {"ema.conv.weight": ONE}},
}


def saved(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def the_line(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_torch_file(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_known_layout_loads(tmp_path: Path, layout: str) -> None:
    path = saved(LAYOUTS[layout], tmp_path / "w.pt")
    other = make_unet(seed=1)
    found = match_weights(find_weights(read_torch_file(path), path), other, path)
    check_weights(found, other, path)
    other.load_state_dict(found)
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, WEIGHTS[name])


def test_what_is_left_out_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    others = {f"{name}.total": ONE for name in ("NMSE", "SSIM", "PSNR", "ValLoss")}
    with caplog.at_level("INFO"):
        match_weights(prefixed("unet.") | others, NET, "w.ckpt")
        match_weights(WEIGHTS, NET, "own.pt")
    assert caplog.messages == [
        "w.ckpt: left out what isn't the network's: NMSE.total, SSIM.total, PSNR.total and 1 more"
    ]


def test_what_lies_within_the_network_is_never_left_out() -> None:
    """A deeper U-Net holds the names of a shallower one: it is another architecture."""
    deeper = WEIGHTS | {"up_conv.9.weight": ONE}
    assert "up_conv.9.weight" in match_weights(deeper, NET, "w.pt")


def test_nothing_is_left_out_beside_half_a_network(caplog: pytest.LogCaptureFixture) -> None:
    half = dict(list(WEIGHTS.items())[1:]) | {"loss.w": ONE}
    assert match_weights(half, NET, "w.pt") == half
    assert not caplog.messages


def test_names_that_the_model_itself_has_stay() -> None:
    outer = nn.ModuleDict({"unet": NET, "model": nn.Linear(1, 1)})
    assert match_weights(outer.state_dict(), outer, "w.pt").keys() == outer.state_dict().keys()


def test_two_networks_under_one_name_are_not_mixed() -> None:
    both = prefixed("unet.") | prefixed("model.")
    with pytest.raises(CheckpointError, match=r"w\.pt: unet\.\S+ and model\.\S+ could both be"):
        match_weights(both, NET, "w.pt")


def test_private_weights_may_be_missing_beside_other_modules() -> None:
    name = next(iter(WEIGHTS))
    shared = {key: tensor for key, tensor in WEIGHTS.items() if key != name}
    found = match_weights(shared | {"loss.w": ONE}, NET, "w.pt", {name})
    assert found.keys() == shared.keys()


class Malicious:
    """Pickles as a call, as code in a checkpoint would."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_code_is_refused_and_does_not_run(tmp_path: Path, zipped: bool) -> None:
    path, trace = tmp_path / "w.pt", tmp_path / "it_ran"
    torch.save({"model": Malicious(trace)}, path, _use_new_zipfile_serialization=zipped)
    assert "which is never loaded; save its state_dict alone" in the_line(path)
    assert not trace.exists()


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    assert "save its state_dict alone" in the_line(saved(NET, tmp_path / "w.pt"))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_gives_one_line_wherever_it_ends(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.pt"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    for end in range(0, len(content), 53):
        path.write_bytes(content[:end])
        the_line(path)


def test_a_missing_file_a_folder_and_a_letter_give_one_line(tmp_path: Path) -> None:
    assert "there is no such checkpoint" in the_line(tmp_path / "nowhere.pt")
    the_line(tmp_path)
    (tmp_path / "letter.pt").write_text("Dear reader,\nno weights here.")
    assert "not a torch file" in the_line(tmp_path / "letter.pt")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], 3, {"state_dict": {}}, None])
def test_a_file_without_weights_says_so(content: Any) -> None:
    with pytest.raises(CheckpointError, match=r"w\.pt: holds no weights"):
        find_weights(content, Path("w.pt"))


def test_another_architecture_is_named_by_its_first_differences() -> None:
    weights = {k: v for k, v in WEIGHTS.items() if k != "conv.layers.0.weight"}
    weights["stranger"] = torch.zeros(1)
    weights["up_conv.1.1.bias"] = torch.zeros(9)
    with pytest.raises(CheckpointError) as caught:
        check_weights(weights, NET, "w.pt")
    assert str(caught.value) == (
        "w.pt: weights of another architecture: conv.layers.0.weight is missing; "
        "stranger isn't in the model; up_conv.1.1.bias is (9,), the model has (1,). "
        "Set model=… as it was trained."
    )


def test_many_differences_are_counted() -> None:
    with pytest.raises(CheckpointError, match=r"; and \d+ more\. Set model=") as caught:
        check_weights(UNet(4, 3).state_dict(), NET, "w.pt")
    assert str(caught.value).count(";") == 3


def test_its_own_weights_fit() -> None:
    check_weights(WEIGHTS, NET, "w.pt")
