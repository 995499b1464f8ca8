"""`flmrcm prepare` as a user types it: whole sites, what it refuses, training on what it made."""

import json
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
from kits.cli import runs
from kits.prepare import contents, head, write_nifti
from nilearn import datasets

from flmrcm.app import main
from flmrcm.config.conf_files import list_options
from flmrcm.config.preparation import build_preparation, compose_preparation
from flmrcm.errors import ConfigErrors
from flmrcm.inspection.suspicions import find_suspicions
from flmrcm.inspection.volume_facts import examine
from flmrcm.inspection.volume_places import find_volume_places

COLIN27 = sorted(Path("/usr/share/mricron").rglob("ch2.nii.gz"))
LISTS = "split={train: ['01'], val: ['02'], test: ['03']}"
ORIENTATIONS = {"01": "RAS", "02": "PIR", "03": "LSA"}


def prepare(*words):
    main(["prepare", "source=nifti", "sheets=false", *words])


def ending(capsys, *words):
    """Return the status and what a failing command prints."""
    with pytest.raises(SystemExit) as stopped:
        prepare(*words)
    return stopped.value.code, " ".join(capsys.readouterr().err.split())


def test_subjects_in_two_splits_who_may_be_one_person_are_named(capsys):
    for folder, subject in (("a", "7"), ("b", "007"), ("c", "8")):
        write_nifti(Path(f"in/{folder}/sub-{subject}_T1w.nii"), head((6, 20, 18)))
    lists = "split={train: ['7'], val: ['007'], test: ['8']}"
    prepare("input=in", "output=out", lists, "dry_run=true")
    told = " ".join(capsys.readouterr().err.split())
    assert "1 pairs of subjects differ only in case, leading zeros" in told
    assert "in/a/sub-7_T1w.nii (train) and in/b/sub-007_T1w.nii (val)" in told


@pytest.fixture
def heads():
    """Five subjects' heads below `in/`."""
    for i in range(5):
        write_nifti(Path(f"in/sub-{i}_T1w.nii"), head((6, 20, 18), i))
    return Path("in")


def three_ways(image, folder):
    for subject, codes in ORIENTATIONS.items():
        path = folder / f"sub-{subject}_T1w.nii"
        write_nifti(path, np.asarray(image.dataobj), image.affine, codes)


def slices(folder):
    return [h5py.File(path)["reconstruction_esc"][()] for path in sorted(folder.rglob("*.h5"))]


@pytest.mark.parametrize(
    "words",
    [
        ["source=brats", "input=/dl/MICCAI_BraTS2020_TrainingData", "contrasts=[T1,T2]"],
        ["source=ixi", "input=/dl/ixi", "split_by=hospital"],
        ["source=fastmri", "input=/dl/multicoil_train", "coils=combine"],
        ["source=nifti", "input=/mine/**/*_T1w.nii.gz", r"subject_pattern=sub-(\w+)_"],
        ["source=dicom", "input=/pacs/export"],
        ["source=bids", "input=/data/bids"],
        ["source=nifti", "input=/a, b (c)/{d}'s/*.nii", "limit=5", "dry_run=true", "workers=2"],
        ["source=nifti", "input=/mine", "split={train: [a], val: [b, c], test: []}", "size=null"],
    ],
    ids=lambda words: " ".join(words),
)
def test_the_commands_of_the_manual_build_as_typed(words):
    cfg = compose_preparation([*words, "output=out"])
    assert cfg.input == words[1].removeprefix("input=")
    assert build_preparation(cfg, print).preparation.source
    if "subject_pattern" in words[-1]:
        assert cfg.subject_pattern == r"sub-(\w+)_"


@pytest.mark.parametrize("name", list_options("source"))
def test_every_source_composes_with_its_defaults(name):
    cfg = compose_preparation([f"source={name}", "input=x", "output=y"])
    job = build_preparation(cfg, print)
    assert job.arguments["source"] in cfg.source._target_
    assert {"input", "output", "salt"}.isdisjoint(job.arguments)


def test_three_orientations_of_mni152_become_a_site_that_trains():
    three_ways(datasets.load_mni152_template(resolution=2), Path("in"))
    for name in ("east", "west"):
        prepare("input=in", f"output=out/{name}", LISTS, "size=32", "pixel_mm=6",
                f"site_config={name}")  # fmt: skip
    images = slices(Path("out/east"))
    assert len(images) == 3
    for image in images[1:]:
        np.testing.assert_array_equal(image, images[0])
    main(
        ["train", f"hydra.searchpath=[file://{Path('conf').resolve()}]", "sites=east",
         "+site@sites.west=west", "sites.east.slices=[20,24]", "sites.west.slices=[30,34]",
         "compute=cpu", "rounds=1", "logger=csv", "engine.threads=1", "model.channels=2",
         "model.pools=2", "local.batch_size=4", "name=small"]
    )  # fmt: skip
    assert (runs("small")[0] / "done").exists()


@pytest.mark.skipif(not COLIN27, reason="Debian's mricron-data isn't installed")
def test_three_orientations_of_colin27_give_the_same_slices():
    three_ways(nib.load(COLIN27[0]), Path("in"))
    prepare("input=in", "output=out", LISTS, "size=64", "pixel_mm=3")
    images = slices(Path("out"))
    assert len(images) == 3
    for image in images[1:]:
        np.testing.assert_array_equal(image, images[0])


def test_a_site_holds_what_a_person_checks_it_with(heads, capsys):
    main(["prepare", "source=nifti", "input=in", "output=out", "size=16"])
    kept = {path.split("/")[0] for path in contents(Path("out"))}
    assert kept == {"T1", "sheets", "splits.csv", "manifest.json", "overview.html"}
    assert len(list(Path("out/sheets").glob("*.png"))) == 5
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert len(manifest["volumes"]) == 5
    said = capsys.readouterr().out
    assert "overview.html" in said
    assert f"root: {Path('out').resolve()}" in said


def test_the_same_command_again_changes_no_byte(heads):
    prepare("input=in", "output=out", "size=16")
    before = contents(Path("out"))
    prepare("input=in", "output=out", "size=16")
    assert contents(Path("out")) == before


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(heads, capsys):
    prepare("input=in", "output=out", "dry_run=true", "limit=3")
    assert "what would be prepared" in capsys.readouterr().out
    assert not Path("out").exists()


def test_what_cannot_be_used_is_listed_and_the_status_says_so(heads, capsys):
    path = heads / "sub-2_T1w.nii"
    path.write_bytes(path.read_bytes()[:900])
    (heads / "sub-3_T1w.nii").write_bytes(b"")
    (heads / "nobody_T1w.nii").write_bytes(b"")
    status, said = ending(capsys, "input=in", "output=out", "size=16")
    assert status == 1
    assert "3 of the files or volumes couldn't be used" in said
    assert all(name in said for name in ("sub-2_T1w.nii", "sub-3_T1w.nii", "nobody_T1w.nii"))
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert (len(manifest["volumes"]), len(manifest["skipped"])) == (3, 2)
    assert manifest["unused_files"] == 1


def test_slices_that_are_lost_inside_a_patient_are_said_and_flagged(capsys):
    image = head((20, 20, 18))
    image[..., 9] *= 100  # one slice a hundred times as bright
    write_nifti(Path("in/sub-1_T1w.nii"), image)
    prepare("input=in", "output=out", "size=16")
    lost = "more than a third of the slices inside the patient were left out of 1 volumes"
    assert lost in " ".join(capsys.readouterr().err.split())
    (path,) = Path("out").rglob("*.h5")
    with h5py.File(path) as file:
        assert file.attrs["inside_cut"] > 0.9
    (suspicions,) = find_suspicions([examine(place) for place in find_volume_places(Path("out"))])
    assert "slices left out" in [suspicion.kind for suspicion in suspicions]


def test_strict_stops_at_the_first_that_cannot_be_used(heads, capsys):
    (heads / "sub-0_T1w.nii").write_bytes(b"")
    status, said = ending(capsys, "input=in", "output=out", "size=16", "strict=true")
    assert status == 1
    assert "sub-0_T1w.nii" in said
    assert not list(Path("out").rglob("*.h5"))


def test_planted_names_reach_nothing_below_the_output(heads, capsys):
    secret = Path("in/Mustermann^Erika")
    write_nifti(secret / "sub-Mustermann_T1w.nii", descrip=b"Mustermann", intent_name=b"Mustermann")
    write_nifti(secret / "sub-Mustermann2_T1w.nii").write_bytes(b"Mustermann")
    ending(capsys, "input=in", "output=out", "size=16", "sheets=true")
    assert len(list(Path("out").rglob("*.h5"))) == 6
    for path in Path("out").rglob("*"):
        assert "Mustermann" not in str(path)
        assert path.is_dir() or b"Mustermann" not in path.read_bytes()


def test_a_crop_through_the_head_is_said(heads, capsys):
    prepare("input=in", "output=out", "size=8")
    assert "cut off more than 1 % of the foreground" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["input=empty"], "holds no .nii, .nii.gz, .mgz, .mgh or .hdr file"),
        (["input=nowhere"], "doesn't exist"),
        (["input=in", "split={train: ['0'], val: [], test: ['0']}"], "'0' is in train and in test"),
        (["input=in", "split={train: 1}"], "add up to 1"),
        (["input=in", "split={train: [a]}"], "shares for all three splits, or lists"),
        (["input=in", "split={trian: 1}"], "Did you mean 'split.train'?"),
        (["input=in", "sise=3"], "Did you mean 'size'? `flmrcm prepare --cfg job`"),
        (["input=in", "size=[1,2,3]"], "size: give [rows, columns]"),
        (["input=in", "workers=0"], "workers: at least 1"),
        (["input=in", "salt=x"], "salt: at least 8 characters"),
        (["input=in", "site_config=My-Site"], "site_config=My-Site: small letters"),
        (["input=in", "site_config=ixi"], "take another name"),
        (["input=in", "frame=first"], "frame=first: a whole number or null"),
        (["input=in", "output=in"], "isn't empty"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_line(heads, capsys, words, said):
    Path("empty").mkdir()
    status, printed = ending(capsys, "output=out", *words)
    assert status in (1, 2)
    assert said in printed
    assert "Traceback" not in printed
    assert not list(Path("out").rglob("*.h5"))


def test_all_problems_come_together():
    words = ["phase=smoth", "foreground=2", "limit=0", "split={test: 3}", "split_by=x"]
    cfg = compose_preparation(["source=ixi", *words, "input=x", "output=y"])
    with pytest.raises(ConfigErrors) as caught:
        build_preparation(cfg, print)
    assert len(caught.value.problems) == 5


def test_what_is_missing_is_asked_for(capsys):
    with pytest.raises(SystemExit):
        main(["prepare", "input=in"])
    assert "source: give source=NAME, one of bids, brats" in capsys.readouterr().err
    _, said = ending(capsys)
    assert "input: give input=FOLDER." in said
    assert "output: give output=FOLDER." in said


def test_the_whole_config_can_be_printed(capsys):
    prepare("--cfg", "job")
    assert "subject_pattern:" in capsys.readouterr().out
