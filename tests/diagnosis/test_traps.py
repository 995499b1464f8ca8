"""Each trap is noticed, and a machine without it isn't accused."""

from pathlib import Path
from typing import NamedTuple

import pytest

from flmrcm.diagnosis import traps
from flmrcm.diagnosis.traps import find_traps


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def fit(monkeypatch, tmp_path):
    """A machine without any trap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLMRCM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(traps.shutil, "disk_usage", lambda _: Usage(10**12, 0, 10**12))
    monkeypatch.setattr(traps.shutil, "which", lambda _: None)
    monkeypatch.setattr(traps, "find_version", lambda name: None if name == "torchvision" else "1")


def found() -> str:
    return "\n".join(f"{finding.stops} {finding.text}" for finding in find_traps(Path("outputs")))


def test_a_fit_machine_has_no_finding():
    assert found() == ""


def test_a_missing_package_stops_runs(monkeypatch):
    monkeypatch.setattr(traps, "list_dependencies", lambda: ["h5py", "scipy"])
    monkeypatch.setattr(traps, "find_version", {"h5py": "1"}.get)
    assert found().startswith("True not installed: scipy.")


def test_a_broken_torchvision_stops_runs(monkeypatch, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(traps, "find_version", lambda _: "0.1")
    assert "True torchvision can't be imported (operator nms does not exist)" in found()


def test_a_driver_that_torch_does_not_see_is_told(monkeypatch):
    import torch

    monkeypatch.setattr(traps.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "torch is a build for the CPU" in found()


def test_more_threads_than_processors_are_told(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    assert "False OMP_NUM_THREADS=4096" in found()


def test_a_full_disk_is_told_and_a_file_in_the_way_stops_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(traps.shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**9))
    assert found().count("only 1.0 GB free") == 2
    (tmp_path / "cache").touch()
    assert f"True {tmp_path}/cache: can't be written (the cache" in found()


def test_little_shared_memory_is_told(monkeypatch):
    monkeypatch.setattr(traps.shutil, "disk_usage", lambda _: Usage(64 * 10**6, 0, 10**12))
    assert "/dev/shm has 64.0 MB" in found()


def test_another_copy_in_this_folder_is_told(tmp_path):
    (tmp_path / "flmrcm").mkdir()
    (tmp_path / "flmrcm/__init__.py").touch()
    assert "what you change here has no effect" in found()


def test_a_package_whose_classes_cannot_be_imported_is_named_and_stops_nothing(packages):
    targets = {"mine": "mymri.losses.Mine", "typo": "mymri.losses.Mnie", "l1": "flmrcm.types.Batch"}
    texts = {f"conf/loss/{name}_.yaml": f"_target_: {of}\n" for name, of in targets.items()}
    packages.install({**texts, "losses.py": "class Mine:\n    pass\n"})
    (line,) = found().splitlines()
    assert line.startswith("False mymri 1.2: its configs name mymri.losses.Mnie: ")


def test_a_package_that_is_left_out_is_told(packages):
    packages.install({"conf/loss/l1.yaml": "_target_: mymri.Mine\n"})
    (line,) = found().splitlines()
    assert line.startswith("False mymri 1.2 is left out")
