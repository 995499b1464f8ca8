"""The picture of an inspection: some of each kind, the suspicious ones framed."""

from pathlib import Path

import numpy as np
from kits.inspection import inspect_folder
from matplotlib.image import imread

from flmrcm.inspection.result_picture import choose_volumes, draw_inspection
from flmrcm.inspection.suspicions import Suspicion

RED = (1.0, 0.42, 0.37)


def test_a_row_shows_clean_volumes_then_suspicious_ones_of_every_kind(site: Path) -> None:
    clean = inspect_folder(site)[0]
    suspicious = [clean._replace(suspicions=[Suspicion("empty", "")])] * 20
    suspicious += [clean._replace(suspicions=[Suspicion("clipped", "")])]
    kinds = [[s.kind for s in member.suspicions] for member in choose_volumes([*suspicious, clean])]
    assert kinds[:3] == [[], ["empty"], ["clipped"]]
    assert len(choose_volumes(suspicious)) == len(choose_volumes([clean] * 50)) == 8
    assert len(choose_volumes([clean])) == 1


def test_the_picture_has_a_row_per_group_and_frames_the_suspicious(
    site: Path, tmp_path: Path
) -> None:
    volumes = inspect_folder(site)
    clean = [volume for volume in volumes if not volume.suspicions]
    pictures: dict[str, np.ndarray] = {}
    for name, part in {"all": volumes, "clean": clean, "T1": volumes[:2]}.items():
        draw_inspection(part, tmp_path / "new" / f"{name}.png")
        pictures[name] = imread(tmp_path / "new" / f"{name}.png")[..., :3]
    reds = {n: int((np.abs(p - RED).max(2) < 0.03).sum()) for n, p in pictures.items()}
    assert reds["all"] > 500
    assert reds["clean"] == reds["T1"] == 0
    heights = {name: picture.shape[0] for name, picture in pictures.items()}
    assert heights["all"] == heights["clean"] > 1.5 * heights["T1"]
