"""A real slice of several coils: zero-filled, by CG-SENSE with each kind of maps, and by networks.

python scripts/real_slice.py SLICE.mat [checkpoint=FILE …] [accelerations=4] [output=PNG]

SLICE.mat holds `full_kspace_data`, complex, (rows, columns, coils), fully sampled. A checkpoint is
a file that `flmrcm evaluate` takes; its network gets the coil maps that it was trained with.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import scipy.io
import torch
from numpy.typing import NDArray
from torch import Tensor

from flmrcm.config.compose import compose_config
from flmrcm.data.coil_maps import Adaptive, CoilMaps
from flmrcm.data.espirit_maps import Espirit
from flmrcm.data.h5 import write_volume
from flmrcm.data.loading import Loading
from flmrcm.data.site import Site
from flmrcm.data.source import Source
from flmrcm.errors import ConfigErrors, DataLayoutError, FlmrcmError
from flmrcm.learning.metrics import ZERO_FILLED, psnr, ssim
from flmrcm.logs import log_to_terminal, say
from flmrcm.models.reconstructor import Reconstructor
from flmrcm.mri.acquisition import Cartesian
from flmrcm.mri.coils import rss
from flmrcm.mri.fourier import ifft2c
from flmrcm.mri.masks import Equispaced
from flmrcm.mri.normalisation import denormalise
from flmrcm.reports.figures.error_maps import ImageArray, ImageGrid, Row, draw_image_grid
from flmrcm.runs.evaluation import prepare_evaluation
from flmrcm.types import Batch

USAGE = str(__doc__).splitlines()[2]
KSPACE = "full_kspace_data"
CG_WEIGHT, CG_STEPS = 0.01, 10
MAPS: Mapping[str, CoilMaps] = {
    "CG-SENSE, adaptive": Adaptive(),
    "CG-SENSE, ESPIRiT": Espirit(),
}
DOTS_PER_INCH = 200


@dataclass(frozen=True)
class Network:
    """A trained network and the coil maps that it was trained with."""

    model: Reconstructor
    maps: CoilMaps


def main(words: Sequence[str]) -> None:
    """Draw the figure, and print its numbers."""
    pairs = [(key, value) for key, _, value in (word.partition("=") for word in words[1:])]
    unknown = [key for key, _ in pairs if key not in ("checkpoint", "accelerations", "output")]
    if not words or unknown:
        raise ConfigErrors([f"{', '.join(unknown) or 'no file'}: {USAGE}"])
    typed = dict(pairs)
    networks = dict(load_network(value) for key, value in pairs if key == "checkpoint")
    accelerations = [float(r) for r in typed.get("accelerations", "4").split(",")]
    with TemporaryDirectory() as folder:
        write_slice(Path(words[0]), Path(folder))
        rows = [reconstruct(Path(folder), r, networks) for r in accelerations]
    path = Path(typed.get("output", "outputs/real-slice.png"))
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = ImageGrid(rows, [ZERO_FILLED, *MAPS, *networks], "below")
    draw_image_grid(grid).savefig(path, dpi=DOTS_PER_INCH)
    for row in rows:
        say("\n".join(f"{row.label}  {name}: {note}" for name, note in row.notes.items()))
    say(f"written: {path}")


def load_network(path: str) -> tuple[str, Network]:
    """Return a checkpoint's name in the figure, and its network."""
    asked = compose_config("evaluate", [f"checkpoint={path}"])
    evaluation = prepare_evaluation(asked, [])
    model = evaluation.module.model.eval()
    maps = next(iter(evaluation.sites.values())).loading.maps
    return f"{type(model).__name__}, {evaluation.method}", Network(model, maps)


def write_slice(path: Path, folder: Path) -> None:
    """Write the slice as the only test volume of a site."""
    content = scipy.io.loadmat(path) if path.exists() else {}
    if KSPACE not in content or content[KSPACE].ndim != 3:
        raise DataLayoutError(f"{path}: holds no '{KSPACE}', (rows, columns, coils).")
    stored = np.asarray(content[KSPACE], np.complex64)
    kspace = np.ascontiguousarray(np.moveaxis(stored, -1, 0))[None]
    target = rss(ifft2c(torch.from_numpy(kspace)))
    place = folder / "T1" / "test" / "slice.h5"
    write_volume(place, kspace, target.numpy(), {"kspace_origin": "measured"})


def reconstruct(folder: Path, acceleration: float, networks: Mapping[str, Network]) -> Row:
    """Return the slice by every method, with PSNR and SSIM of each."""
    source = Source("real", folder, "T1", Equispaced((acceleration,)))
    batch = load(source, Adaptive())
    target = to_array(denormalise(batch.get_target(), batch.mean, batch.std))
    images = {ZERO_FILLED: to_array(Cartesian(batch.mask).reconstruct_magnitude(measure(batch)))}
    images |= {name: to_array(solve(load(source, maps))) for name, maps in MAPS.items()}
    images |= {name: run(network, source) for name, network in networks.items()}
    notes = dict(describe(images, target))
    return Row(f"{acceleration:g}x along columns", target, images, notes)


def load(source: Source, maps: CoilMaps) -> Batch:
    """Return the slice as a network sees it."""
    loading = Loading(batch_size=1, resolution=2**16, needs_kspace=True, maps=maps)
    site = Site(source.name, [source], loading)
    return site.prepare_batch(next(iter(site.test_dataloader())), torch.device("cpu"))


def measure(batch: Batch) -> Tensor:
    """Return what was measured, complex, (batch, coils, rows, columns)."""
    if batch.kspace is None:
        raise TypeError("the batch was loaded without k-space")
    return batch.kspace


def solve(batch: Batch) -> Tensor:
    """Return the magnitude by conjugate gradients (Pruessmann et al. 2001, CG-SENSE)."""
    acquisition = Cartesian(batch.mask, batch.maps)
    return acquisition.solve(acquisition.adjoint(measure(batch)), CG_WEIGHT, CG_STEPS).abs()


@torch.no_grad()
def run(network: Network, source: Source) -> ImageArray:
    """Return what a network makes of the slice."""
    batch = load(source, network.maps)
    return to_array(denormalise(network.model(batch).image, batch.mean, batch.std))


def to_array(image: Tensor) -> NDArray[np.float32]:
    """Return the only image of a batch, (height, width)."""
    return image.squeeze().numpy().astype(np.float32)


def describe(images: Mapping[str, ImageArray], target: ImageArray) -> Iterator[tuple[str, str]]:
    """Give each method's PSNR and SSIM; the peak is the target's maximum, as in fastMRI."""
    peak = float(target.max())
    for name, image in images.items():
        yield name, f"{psnr(image, target, peak):.1f} dB, SSIM {ssim(image, target, peak):.3f}"


if __name__ == "__main__":
    log_to_terminal()
    try:
        main(sys.argv[1:])
    except FlmrcmError as error:
        sys.exit(str(error))
