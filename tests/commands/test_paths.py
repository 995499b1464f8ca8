"""A file or folder may be called anything, whatever command and key names it."""

import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from kits.cli import SMALL, failing
from kits.factories import make_unet, write_site
from kits.prepare import write_nifti

from flmrcm.app import main
from flmrcm.config.quoting import quote, split_folders, unquote
from flmrcm.files import expand_home

ANY = "~nobody epoch=49-step=100 (a) [x] #1, über 数据 it's"
"""What Lightning, browsers and people put into names."""

NAMES = [ANY, "a=b", "[x]", "(x)", "#1", "a,b", "it's", 'say "a"', "end\\", "a\\'b", " lead", "*"]

ONE_SITE = [*SMALL, "strategy=fl_mr", "participants=[brats]", "test.saved_volumes=0"]


@pytest.fixture
def anywhere(hospitals):
    """Returns a folder called anything, with data, weights, a policy and configs in it."""
    folder = hospitals.parent / ANY
    shutil.copytree(hospitals, folder / "data")
    torch.save(make_unet(2, 2).state_dict(), folder / f"{ANY}.ckpt")
    few = "fewest_slices: 1\nfewest_steps: 1\nfewest_volumes: 1\n"
    (folder / "policy.yaml").write_text(f"most_calls: {{train: 99}}\n{few}")
    (folder / "conf" / "site").mkdir(parents=True)
    (folder / "conf" / "site" / "ours.yaml").write_text("defaults: [_folder]\nfolder: IXI\n")
    return Path(ANY)


def test_train_resume_evaluate_and_compare(anywhere):
    words = [word for word in ONE_SITE if not word.startswith("data_dir")]
    keys = {
        "data_dir": anywhere / "data",
        "sites.brats.root": anywhere / "data" / "BraTS",
        "sites.brats.policy": anywhere / "policy.yaml",
        "init_from": anywhere / f"{ANY}.ckpt",
        "hydra.run.dir": anywhere / "run",
        "searchpath": f"[{anywhere / 'conf'}]",
    }
    main(["train", *words, *(f"{key}={path}" for key, path in keys.items()), "+site@sites.o=ours"])
    main(["train", f"resume={anywhere / 'run'}", "rounds=2"])
    last = anywhere / "run" / "checkpoints" / "last.pt"
    main(["evaluate", f"checkpoint={last}", f"output={anywhere / 'tested'}", "test_sites=[o]"])
    assert (anywhere / "tested" / "scores.csv").exists()
    main(["compare", f"{anywhere}/run", "--output", f"{anywhere}/compared", "--no-figures"])
    assert (anywhere / "compared" / "report.html").exists()


@pytest.mark.parametrize("name", NAMES)
def test_inspect(tmp_path, capsys, name):
    write_site(tmp_path / name, {"train": (2,)})
    main(["inspect", name, f"output=seen/{name}"])
    main(["inspect", f"path={name}"])
    assert Path("seen", name, "inspection.csv").exists()


def test_simulate():
    main(["simulate", "debug=tiny", "sites=simulated_pair", f"data.simulated.folder={ANY}"])
    assert list(Path(ANY).glob("contact_sheet_T1.png"))


def test_prepare(tmp_path):
    for subject in "abc":
        write_nifti(tmp_path / ANY / f"sub-{subject}_T1w.nii.gz")
        Path(f"{ANY} {subject}").write_text(subject)
    splits = [f"split.{s}={ANY} {x}" for s, x in zip(("train", "val", "test"), "abc", strict=True)]
    main(["prepare", "source=nifti", f"input={ANY}", f"output=out {ANY}", "size=null", *splits])
    assert len(list(Path(f"out {ANY}", "T1").rglob("*.h5"))) == 3


@pytest.mark.skipif(find_spec("flwr") is None, reason="flower isn't installed")
def test_deploy(hospitals):
    main(["deploy", "flower", f"output={ANY}", "sites=bfhi", f"data_dir={hospitals}"])
    assert (Path(ANY) / "coordinator").is_dir()


@pytest.mark.parametrize("name", NAMES)
def test_quotes_come_off_as_they_went_on(name):
    assert unquote(quote(name)) == name
    assert split_folders(f"[{quote(name)},{quote('b')}]") == [name, "b"]


def test_a_comma_parts_folders_of_configs_unless_it_is_in_the_name(tmp_path):
    assert split_folders("[a,b (1) [x], it's]") == ["a", "b (1) [x]", "it's"]
    (tmp_path / "a,b").mkdir()
    assert split_folders("[a,b]") == ["a,b"]
    assert split_folders("a") == ["a"]


def test_elsewhere_the_line_says_what_to_type(capsys):
    word = "strategy.name=a=b, it's"
    status, said = failing(capsys, word)
    typed = said.strip().rsplit("need quotes: ", 1)[1].rstrip(".")
    assert status == 2
    assert shlex.split(typed) == [r"strategy.name='a=b, it\'s'"]


def test_a_value_within_a_name_is_told_from_a_name(capsys):
    status, said = failing(capsys, "init_from=x ${y}.ckpt")
    assert (status, "a path with it in its name needs a link" in said) == (2, True)


def test_a_tilde_of_no_user_is_a_letter_in_every_command():
    sources = Path(main.__code__.co_filename).parent.rglob("*.py")
    assert not [path for path in sources if ".expanduser()" in path.read_text()]
    assert expand_home("~nobody at all/x") == Path("~nobody at all/x").absolute()
    assert expand_home("~/x") == Path.home() / "x"
