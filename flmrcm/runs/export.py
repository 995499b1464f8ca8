"""A checkpoint's network for other programs, as `torch.export` or ONNX; what is written is run.

Normalisation goes along: what comes in and goes out is in the data's own units.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from flmrcm.config.build import Builder
from flmrcm.config.learner import build_learner
from flmrcm.config.run_config import overlay_words
from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice
from flmrcm.files import expand_home, write_atomically
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.mri.acquisition import Cartesian
from flmrcm.mri.fourier import fft2c
from flmrcm.mri.normalisation import CLAMP, denormalise, normalise
from flmrcm.runs.opened_checkpoint import open_checkpoint
from flmrcm.types import Batch

TORCH_EXPORT, ONNX = "torch_export", "onnx"
MOST_ERROR = 1e-3
"""The largest difference from the network, of the image's range, that is let pass."""


class ImageNetwork(nn.Module):
    """Takes zero-filled magnitudes, (batch, 1, height, width), and gives reconstructed ones."""

    def __init__(self, model: Reconstructor) -> None:
        super().__init__()
        self.model = model

    def forward(self, zero_filled: Tensor) -> Tensor:
        """Return magnitudes in the units of the input, same shape."""
        return _reconstruct(self.model, zero_filled, zero_filled.new_ones(1, 1, 1, 1).bool(), None)


class KspaceNetwork(nn.Module):
    """Takes one coil's k-space, real and imaginary parts in a last axis, and its mask."""

    def __init__(self, model: Reconstructor) -> None:
        super().__init__()
        self.model = model

    def forward(self, kspace: Tensor, mask: Tensor) -> Tensor:
        """Return magnitudes in the units of the input, (batch, 1, rows, columns).

        Args:
            kspace: (batch, 1, rows, columns, 2), zero where nothing was measured.
            mask: bool, (batch, 1, 1, columns), True where it was.
        """
        measured = torch.view_as_complex(kspace)
        zero_filled = Cartesian(mask).reconstruct_magnitude(measured).unsqueeze(1)
        return _reconstruct(self.model, zero_filled, mask, measured)


def _reconstruct(
    model: Reconstructor, zero_filled: Tensor, mask: Tensor, kspace: Tensor | None
) -> Tensor:
    mean, std = zero_filled.mean((1, 2, 3)), zero_filled.std((1, 2, 3))
    image = normalise(zero_filled, mean, std).clamp(-CLAMP, CLAMP)
    batch = Batch(image, None, mean, std, mask, [], mean, kspace)
    return denormalise(model(batch).image, mean, std)


@dataclass(frozen=True)
class Export:
    """A network to be written.

    Attributes:
        network: with the checkpoint's weights.
        inputs: examples of what it takes, by name; the first axis may have any length ≥ 1.
        format: torch_export | onnx.
    """

    network: nn.Module
    inputs: Mapping[str, Tensor]
    format: str

    def describe_inputs(self) -> str:
        """Return names and shapes."""
        shapes = {name: ", ".join(map(str, x.shape[1:])) for name, x in self.inputs.items()}
        return "; ".join(f"{name} (batch, {shape})" for name, shape in shapes.items())

    def write(self, path: Path) -> float:
        """Write the network, once what is written gives its images.

        Returns:
            the largest difference from the network, of the image's range.

        Raises:
            FlmrcmError: it gives other images.
        """
        content, run = _WRITERS[self.format](self)
        with torch.no_grad():
            expected, found = self.network(*self.inputs.values()), run(self.inputs)
        error = float((found - expected).abs().max() / (expected.max() - expected.min()))
        if not error <= MOST_ERROR:
            raise FlmrcmError(
                f"{path}: what was exported differs from the network by {error:.1e} of the "
                "image's range; nothing is written."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        return error

    def trace(self) -> torch.export.ExportedProgram:
        """Return the network as torch.export has it."""
        sizes = tuple({0: torch.export.Dim.AUTO} for _ in self.inputs)
        with torch.no_grad():
            return torch.export.export(
                self.network, tuple(self.inputs.values()), dynamic_shapes=sizes
            )


Run = Callable[[Mapping[str, Tensor]], Tensor]
"""Runs what was written."""


def _write_torch_export(job: Export) -> tuple[bytes, Run]:
    buffer = BytesIO()
    torch.export.save(job.trace(), buffer)
    loaded = torch.export.load(BytesIO(buffer.getvalue())).module()
    return buffer.getvalue(), lambda inputs: loaded(*inputs.values())


def _write_onnx(job: Export) -> tuple[bytes, Run]:
    import onnxruntime  # pyright: ignore[reportMissingImports]  # an extra

    program = torch.onnx.export(
        job.trace(),
        tuple(job.inputs.values()),
        input_names=list(job.inputs),
        output_names=["reconstruction"],
        dynamo=True,
    )
    assert program is not None  # noqa: S101  # it writes no file of its own
    content = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, Tensor]) -> Tensor:
        arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
        return torch.from_numpy(session.run(None, arrays)[0])

    return content, run


_WRITERS: Mapping[str, Callable[[Export], tuple[bytes, Run]]] = {
    TORCH_EXPORT: _write_torch_export,
    ONNX: _write_onnx,
}


def prepare_export(asked: DictConfig, words: Sequence[str]) -> Export:
    """Return a checkpoint's network, checked.

    Args:
        asked: `flmrcm export`'s own keys.
        words: of training, laid over the checkpoint's config.

    Raises:
        ConfigErrors: all problems together.
        CheckpointError: the file can't be read, or holds another model's weights.
    """
    opened = open_checkpoint(expand_home(asked.checkpoint), asked.trust)
    base = opened.config.copy()
    base.init_from = None
    cfg, builder = overlay_words(base, ["compute=cpu", *words]), Builder()
    builder.problems += check_choice("format", asked.format, list(_WRITERS))
    if opened.private:
        builder.problems.append(
            f"checkpoint: {opened.path} lacks weights that stayed at the sites; only a whole "
            "network can be exported."
        )
    _, module, _ = build_learner(cfg, builder)
    builder.raise_if_any()
    assert module is not None  # noqa: S101  # else a problem was
    opened.load_shared(module.model)
    model = module.model.eval()
    height, width = asked.matrix or (cfg.data.resolution, cfg.data.resolution)
    if problems := _find_problems(model, asked.format, height, width):
        raise ConfigErrors(problems)
    make = KspaceNetwork if model.needs_kspace else ImageNetwork
    return Export(make(model).eval(), _make_inputs(model, height, width), asked.format)


def _find_problems(model: Reconstructor, kind: str, height: int, width: int) -> list[str]:
    problem = model.find_size_problem(height, width)
    problems = [problem] if problem else []
    if kind == ONNX and model.needs_kspace:
        problems.append(
            f"format=onnx: {type(model).__name__} computes with complex numbers, which torch can't "
            "write as ONNX; use format=torch_export."
        )
    elif kind == ONNX and not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
        problems.append("format=onnx: isn't installed; pip install 'flmrcm[onnx]'.")
    return problems


def _make_inputs(model: Reconstructor, height: int, width: int) -> dict[str, Tensor]:
    """Return two slices of noise, the same at every call."""
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 1, height, width, generator=random)
    if not model.needs_kspace:
        return {"zero_filled": image}
    mask = (torch.arange(width) % 2 == 0).expand(2, 1, 1, width).clone()
    kspace = fft2c(image.to(torch.complex64)) * mask
    return {"kspace": torch.view_as_real(kspace).contiguous(), "mask": mask}
