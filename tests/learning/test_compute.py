"""Where and how tensors are computed."""

import logging
import warnings
from pathlib import Path

import pytest
import torch
from kits.factories import make_batch, make_unet
from torch.testing import assert_close

from flmrcm.errors import ConfigErrors
from flmrcm.learning.compute import Compute, silence_lightning
from flmrcm.learning.precision import allow_tensor_float32, has_bfloat16, has_tensor_float32
from flmrcm.models.cascade import Cascade


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_training_and_judging_share_device_and_precision(precision: str) -> None:
    compute = Compute("cpu", precision=precision)
    fabric, trainer = compute.build_fabric(), compute.trainer()
    assert fabric.device == trainer.strategy.root_device == torch.device("cpu")
    assert fabric._precision.precision == trainer.precision == precision


@pytest.mark.parametrize(("has_it", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_what_the_device_is_fast_at(
    monkeypatch: pytest.MonkeyPatch, has_it: bool, precision: str
) -> None:
    monkeypatch.setattr("flmrcm.learning.precision.has_bfloat16", lambda _: has_it)
    assert Compute("cpu", precision="auto").precision == precision


@pytest.mark.parametrize(
    ("line", "has_it"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", True),
        ("Features\t: fp asimd bf16", True),
        ("flags\t\t: fpu avx2 avx512f", False),
        ("model name\t: bf16", False),
        (None, False),
    ],
)
def test_a_processor_says_itself_whether_it_has_bfloat16(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str | None, has_it: bool
) -> None:
    if line:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    monkeypatch.setattr("flmrcm.learning.precision._CPU_INFO", tmp_path / "cpuinfo")
    assert has_bfloat16.__wrapped__(False) == has_it


@pytest.mark.parametrize(("has_it", "warns"), [(True, False), (False, True)])
def test_bfloat16_is_warned_of_where_it_would_be_imitated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has_it: bool, warns: bool
) -> None:
    monkeypatch.setattr("flmrcm.learning.compute.has_bfloat16", lambda _: has_it)
    Compute("cpu", precision="bf16-mixed").prepare_model(torch.nn.Linear(1, 1))
    assert ("no bfloat16 instructions" in caplog.text) == warns
    Compute("cpu").prepare_model(torch.nn.Linear(1, 1))
    assert caplog.text.count("bfloat16") == int(warns)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_the_local_loop_computes_in_the_precision_asked_for(
    precision: str, dtype: torch.dtype
) -> None:
    with Compute("cpu", precision=precision).build_fabric().autocast():
        assert make_unet()(make_batch()).image.dtype == dtype


def test_loss_scaling_is_refused_with_its_reason() -> None:
    with pytest.raises(ConfigErrors, match="16-mixed: its loss scaling disturbs"):
        Compute("cpu", precision="16-mixed")


@pytest.mark.parametrize("precision", ["32-true", "tf32", "bf16-mixed"])
def test_products_are_rounded_where_that_is_asked_for_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr("flmrcm.learning.compute.has_tensor_float32", lambda *_: True)
    compute, rounded = Compute("cpu", precision=precision), precision == "tf32"
    for build in (compute.build_fabric, compute.trainer):
        allow_tensor_float32(not rounded)
        build()
        assert torch.backends.cudnn.allow_tf32 == rounded
        assert torch.backends.cuda.matmul.allow_tf32 == rounded
    assert compute.precision == precision  # what a run records


@pytest.mark.parametrize(
    ("capability", "has_it"), [((9, 0), True), ((8, 0), True), ((7, 5), False), (None, False)]
)
def test_the_rounded_products_are_those_of_newer_gpus(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] | None, has_it: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(capability is not None))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert has_tensor_float32(on_gpu=True, device=0) == has_it
    if not has_it:
        which = "an older one" if capability else "the processor"
        with pytest.raises(ConfigErrors, match=rf"compute\.precision=tf32: .*computes on {which}"):
            Compute("auto", precision="tf32")


def test_every_wrong_word_is_reported_at_once() -> None:
    with pytest.raises(ConfigErrors) as caught:
        Compute("cuda", precision="bf16")
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "compute.accelerator=cuda",
        "compute.precision=bf16",
    ]


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigErrors, match=r"no GPU; use compute=cpu or compute=auto"):
        Compute("gpu")
    assert not Compute("auto", device=5).on_gpu


def test_a_device_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Compute("gpu", device=1).on_gpu
    assert not Compute("cpu", device=2).on_gpu
    with pytest.raises(ConfigErrors, match=r"compute\.device: there are 2 GPUs.*got 2"):
        Compute("auto", device=2)


def test_a_negative_memory_budget_is_refused() -> None:
    with pytest.raises(ConfigErrors, match=r"compute\.memory_budget: 0 GiB or more; got -1"):
        Compute("cpu", memory_budget=-1)


def test_channels_last_changes_the_layout_and_not_the_image() -> None:
    plain, other = make_unet(channels=4), make_unet(channels=4)
    Compute("cpu", channels_last=True).prepare_model(other)
    weight = other.conv.layers[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert_close(other(make_batch()).image, plain(make_batch()).image)
    assert list(other.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize("again", [True, False])
def test_cascades_are_told_whether_to_compute_again(again: bool) -> None:
    net = Cascade(1, 2, 2)
    Compute("cpu", checkpoint_cascades=again).prepare_model(net)
    assert net.checkpoint_cascades == again


def test_quiet_lightning_hushes_its_advice_and_nothing_else() -> None:
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    with silence_lightning():
        assert logger.level == logging.ERROR
        warnings.warn("The 'val_dataloader' does not have many workers which may", stacklevel=1)
        with pytest.warns(UserWarning, match="trouble"):
            warnings.warn("trouble", stacklevel=1)
    assert logger.level == level
