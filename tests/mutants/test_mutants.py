"""Every known way to break the code can still be tried; `make mutants` tries them."""

import ast
import os
import sys
from collections import Counter

import pytest
from mutants import run
from mutants.run import ROOT, Mutant, read_mutants

MUTANTS = read_mutants()


def test_there_are_many_and_none_is_listed_twice():
    assert len(MUTANTS) >= 200
    assert Counter((m.file, m.search, m.replace) for m in MUTANTS).most_common(1)[0][1] == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.file}: {m.why}")
def test_what_is_searched_for_occurs_once_and_the_tests_are_there(mutant):
    changed = mutant.apply((ROOT / mutant.file).read_text())
    if mutant.file.endswith(".py"):
        ast.parse(changed)
    for test in mutant.tests:
        name, _, function = test.partition("::")
        assert (ROOT / name).exists(), name
        assert (
            f"def {function.partition('[')[0]}" in (ROOT / name).read_text() if function else True
        )


@pytest.mark.parametrize("search", ["a", "U", "V"])
def test_an_entry_that_fits_nothing_or_changes_nothing_is_refused(search):
    with pytest.raises(ValueError, match=f": {search}$"):
        Mutant("", "code.py", search, "V", ()).apply("VALUE = 1; U = 2\n")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import code_; assert code_.VALUE == 1", run.KILLED),
        ("import code_; assert code_.VALUE > 0", run.SURVIVED),
        ("", "pytest ended 5"),
    ],
)
def test_a_mutant_is_killed_by_a_test_that_turns_red_and_by_nothing_else(tmp_path, body, said):
    (tmp_path / "code_.py").write_text("VALUE = 1\n")
    test = tmp_path / "test_it.py"
    test.write_text(f"def test_it():\n    {body}\n" if body else "")
    mutant = Mutant("", "code_.py", "1", "2", [str(test)])
    noticed = "test_it.py::test_it" if said == run.KILLED else ""
    verdict = mutant.judge(tmp_path)
    assert (verdict.said, verdict.test.rpartition("/")[2]) == (said, noticed)
    assert (tmp_path / "code_.py").read_text() == "VALUE = 1\n"


def test_tests_are_shared_out_each_once_and_a_file_s_stay_together():
    tests = ["a::x", "b", "c::y", "a::z", "a::x"]
    assert run.share_out(tests, 2) == [["a::x", "c::y", "a::z"], ["b"]]
    assert run.share_out(tests, 4)[3] == []


@pytest.mark.parametrize(("body", "n_killed"), [("value == 1", 1), ("value == 0", 0)])
def test_a_test_that_is_red_by_itself_kills_nothing(tmp_path, monkeypatch, body, n_killed):
    for name in ("flmrcm", "conf", "laws"):
        (tmp_path / name).mkdir()
    (tmp_path / "flmrcm" / "__init__.py").touch()
    (tmp_path / "flmrcm" / "code_.py").write_text("value = 1\n")
    os.utime(tmp_path / "flmrcm" / "code_.py", (0, 0))  # bytecode tells seconds apart, no less
    test = f"def test_it():\n    from flmrcm.code_ import value\n    assert {body}\n"
    (tmp_path / "laws" / "test_it.py").write_text(test)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    for module in [name for name in sys.modules if name.partition(".")[0] == "flmrcm"]:
        monkeypatch.delitem(sys.modules, module)  # the child finds the copy's
    mutants = [Mutant("", "flmrcm/code_.py", "1", "2", ["laws/test_it.py"])]
    assert run.judge_all(mutants, tmp_path / "copies", 1) == n_killed
