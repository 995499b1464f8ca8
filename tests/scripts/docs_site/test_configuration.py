"""The reference of conf/ leaves out no key, and says what the files say."""

import sys
from pathlib import Path

import pytest

from flmrcm.config.conf_files import list_options, read_key_tree

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "scripts/docs_site"))
from configuration import ConfKey, read_conf_file, write_group_page, write_train_page  # noqa: E402

OWN = ("hydra", "benchmark", "prepare", "reconstruct")
GROUPS = sorted(p for p in (ROOT / "conf").iterdir() if p.is_dir() and p.name not in OWN)
TYPES = {"mypackage.Net": {"channels": ("int", "Of the first layer.")}}


def describe(target):
    return TYPES.get(target, {})


@pytest.fixture
def written(tmp_path):
    """Return a group's page, of files given by their texts."""

    def write(**texts):
        folder = tmp_path / "model"
        folder.mkdir()
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text)
        return write_group_page(folder, describe)

    return write


def test_keys_come_with_default_and_comment_comments_go_on_below(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "# What it is.\ndefaults: [_base]\nrate: 0.1     # of the steps;\n"
        "              # never 0\ninner:\n  deep: [1, 2]   # a list\nplain: x\n"
    )
    file = read_conf_file(path)
    assert (file.about, file.bases) == ("What it is.", ["_base"])
    assert file.keys == [
        ConfKey("rate", "0.1", "of the steps; never 0"), ConfKey("inner", "", ""),
        ConfKey("inner.deep", "[1, 2]", "a list"), ConfKey("plain", "x", ""),
    ]  # fmt: skip


def test_a_file_has_the_keys_of_its_base_its_own_come_first(written):
    page = written(_base="a: 1\nb: 2\n", net="defaults: [_base]\nb: 3\n")
    assert "| `model.a` | `1` |" in page
    assert "| `model.b` | `3` |" in page
    assert "`2`" not in page
    assert "_base" not in page


def test_type_and_meaning_are_those_of_the_class_where_the_file_is_silent(written):
    page = written(net="_target_: mypackage.Net\nchannels: 32\n")
    assert "| `model.channels` | `32` | `int` | Of the first layer. |" in page


def test_a_bar_in_a_comment_parts_no_column(written):
    assert "| a \\| b |" in written(net="mode: a   # a | b\n")


@pytest.mark.parametrize("folder", GROUPS, ids=lambda path: path.name)
def test_every_choice_of_every_group_has_its_section(folder):
    page = write_group_page(folder, describe)
    assert [f"## {name}" in page for name in list_options(folder.name)].count(False) == 0


def test_every_key_of_a_run_is_on_its_page():
    page = write_train_page(ROOT / "conf/train.yaml", describe)
    groups = {path.name for path in GROUPS} | {"hydra"}
    for key, below in read_key_tree("train").items():
        if f"\n{key}:" in (ROOT / "conf/train.yaml").read_text() and key not in groups:
            assert f"| `{key}` |" in page
            assert all(f"| `{key}.{inner}` |" in page for inner in below or ())
