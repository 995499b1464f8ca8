"""Small originals to prepare: heads that look different from every direction, and their files."""

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from flmrcm.prepare.output_folder import OutputFolder
from flmrcm.prepare.pipeline import Preparation
from flmrcm.prepare.recipe import PreparationRecipe
from flmrcm.prepare.scan import FoundVolume, Scan, UnusableVolume
from flmrcm.prepare.splits import SplitByShare
from flmrcm.prepare.volume_task import Preparer

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
SALT = "a salt of tests"


def head(shape=(12, 24, 20), seed=0):
    """Return a magnitude, float32, with axes to the right, to the front and upwards (RAS)."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    inside = sum((axis * stretch) ** 2 for axis, stretch in zip(grid, (1.5, 1.1, 1.2), strict=True))
    shade = 1 + 0.3 * grid[0] + 0.4 * grid[1] + 0.2 * grid[2] + rng.uniform(0, 0.2, shape)
    return np.where(inside < 1, 100 * shade, 0).astype(np.float32)


def write_nifti(path, array=None, affine=None, codes="RAS", **header):
    """Write an image with RAS axes into a file whose axes have the directions `codes`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([2.0, 1.0, 1.0, 1.0]) if affine is None else affine
    image = nib.Nifti1Image(head() if array is None else array, affine)
    for key, value in header.items():
        image.header[key] = value
    if codes != "RAS":
        change = ornt_transform(io_orientation(image.affine), axcodes2ornt(tuple(codes)))
        image = image.as_reoriented(change)
    nib.save(image, path)
    return path


def make_scan(image, voxel_mm=(1.0, 1.0, 1.0), **fields):
    """Return the scan of an image that already has its final orientation."""
    defaults = {
        "native_orientation": "RAS",
        "native_shape": image.shape,
        "kspace_origin": "measured" if np.iscomplexobj(image) else "magnitude",
    }
    return Scan(image, voxel_mm, **(defaults | fields))


class Heads:
    """A source of random heads; the subjects in `broken` can't be read."""

    def __init__(self, subjects, broken=(), contrasts=("T1",), unusable=()):
        self.subjects, self.broken = list(subjects), set(broken)
        self.contrasts, self.unusable = contrasts, list(unusable)

    def find(self):
        for subject in self.subjects:
            for contrast in self.contrasts:
                yield FoundVolume(subject, contrast, (Path(f"/original/{subject}_{contrast}.nii"),))
        yield from map(UnusableVolume, self.unusable)

    def read(self, volume):
        if volume.subject in self.broken:
            raise UnusableVolume("is truncated")
        seed = int.from_bytes(f"{volume.subject}{volume.contrast}".encode()[-7:], "big")
        return make_scan(head((6, 20, 18), seed))


def make_preparation(folder, source, **options):
    """Return a preparation of 16×16 slices, without pictures."""
    recipe = PreparationRecipe(size=[16, 16])
    defaults = {
        "split_rule": SplitByShare(SHARES),
        "worker": Preparer(source, recipe, "heads"),
        "site": "here",
        "salt": SALT,
    }
    return Preparation(source, OutputFolder(folder), **(defaults | options))


def prepare(preparation, processes=1):
    """Carry out a preparation and return its outcomes."""
    with preparation.folder.lock({}):
        return list(preparation.run(preparation.plan(), processes))


def contents(folder):
    """Return path below the folder → bytes of every visible file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".prepare" not in path.parts
    }
