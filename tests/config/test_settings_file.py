"""Files beside a run: every problem names the file and says what is wrong in it."""

import pytest

from flmrcm.config.settings_file import build_from_file, read_settings
from flmrcm.errors import ConfigErrors


def lens(key: str, width: int = 1):
    return key, width


def test_settings_are_the_arguments_of_what_they_describe(tmp_path):
    path = tmp_path / "lens.yaml"
    path.write_text("key: brass\nwidth: 2\n")
    assert build_from_file(path, lens, read_settings(path)) == ("brass", 2)


@pytest.mark.parametrize("text", ["- just\n- words\n", "a: ["])
def test_a_file_without_settings_is_reported(tmp_path, text):
    path = tmp_path / "lens.yaml"
    path.write_text(text)
    with pytest.raises(ConfigErrors, match=r"lens\.yaml: isn't lines of KEY: VALUE\."):
        read_settings(path)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ConfigErrors, match=r"none\.yaml: No such file"):
        read_settings(tmp_path / "none.yaml")


def test_all_problems_are_reported_together_with_the_files_name(tmp_path):
    with pytest.raises(ConfigErrors) as caught:
        build_from_file(tmp_path / "lens.yaml", lens, {"width": "wide", "kee": 1})
    assert len(caught.value.problems) >= 2
    assert all("lens.yaml: " in problem for problem in caught.value.problems)
