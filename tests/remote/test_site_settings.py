"""A site's own file: paths are relative to it, and each wrong value is one line."""

import pytest

from flmrcm.errors import ConfigErrors
from flmrcm.remote.site_settings import read_site_settings


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "site.yaml"
        path.write_text(text)
        return path

    return written


def test_paths_start_at_the_file(write, tmp_path):
    settings = read_site_settings(write("site: ixi\ndata: {root: mri}\nmemory: state\n"))
    assert settings.resolve_path(settings.memory) == tmp_path / "state"
    assert settings._locate_data() == {"root": str(tmp_path / "mri")}
    assert settings.resolve_path("/elsewhere") == settings.resolve_path("/elsewhere").absolute()


def test_generated_data_lie_beside_the_file(write, tmp_path):
    settings = read_site_settings(
        write("site: sim_b\ndata: {generator: {_target_: x, cache: data}}\n")
    )
    assert settings._locate_data()["generator"]["cache"] == str(tmp_path / "data")


def test_keys_of_the_start_script_are_left_to_it(write):
    text = "site: ixi\ndata: {root: mri}\ncoordinator: 'h:1'\nport: 9094\n"
    assert read_site_settings(write(text)).site == "ixi"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("site: ixi\ndata: {root: null}\n", "give it `root: FOLDER`, where the site's data lie."),
        ("data: {root: mri}\n", "site: is missing."),
        ("site: ixi\ndata: {}\ntheads: 2\n", "there is no such key. Did you mean 'threads'?"),
        ("site: ixi\ndata: {}\nthreads: two\n", "threads=two: a whole number or null."),
        (
            "site: ixi\ndata: {root: mri}\nallowed_plugins: [mymri, other]\n",
            "allowed_plugins: not installed, or left out (see flmrcm doctor): mymri, other.",
        ),
        ("- just\n- words\n", "isn't lines of KEY: VALUE."),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_file(write, text, line):
    path = write(text)
    with pytest.raises(ConfigErrors) as refused:
        read_site_settings(path)
    (problem,) = refused.value.problems
    assert problem.startswith(str(path))
    assert problem.endswith(line)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigErrors, match="No such file"):
        read_site_settings(tmp_path / "none.yaml")


def test_a_run_may_name_classes_of_a_package_that_the_site_allows(write, packages):
    packages.install({"conf/model/theirs.yaml": "_target_: mymri.Net\n"})
    for line, allowed in (("", False), ("allowed_plugins: [mymri]\n", True)):
        settings = read_site_settings(write(f"site: ixi\ndata: {{root: mri}}\n{line}"))
        assert settings.list_allowed().allows("mymri.Net") is allowed
        assert settings.list_allowed().allows("flmrcm.models.unet.UNet")
        assert not settings.list_allowed().allows("flmrcm.tracking.wandb.Wandb")
