"""Files kept beside a run: every problem names the file and says what's wrong with it."""

import pytest

from flmrcm.config.settings_file import build_from_file, read_settings
from flmrcm.errors import ConfigErrors


def door(key: str, width: int = 1):
    return key, width


def test_settings_are_the_arguments_of_what_they_describe(tmp_path):
    path = tmp_path / "door.yaml"
    path.write_text("key: brass\nwidth: 2\n")
    assert build_from_file(path, door, read_settings(path)) == ("brass", 2)


@pytest.mark.parametrize("text", ["- just\n- words\n", "a: ["])
def test_what_is_no_settings_file_is_told(tmp_path, text):
    path = tmp_path / "door.yaml"
    path.write_text(text)
    with pytest.raises(ConfigErrors, match=r"door\.yaml: isn't lines of KEY: VALUE\."):
        read_settings(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigErrors, match=r"none\.yaml: No such file"):
        read_settings(tmp_path / "none.yaml")


def test_all_problems_are_told_together_with_the_files_name(tmp_path):
    with pytest.raises(ConfigErrors) as caught:
        build_from_file(tmp_path / "door.yaml", door, {"width": "wide", "kee": 1})
    assert len(caught.value.problems) >= 2
    assert all("door.yaml: " in problem for problem in caught.value.problems)
