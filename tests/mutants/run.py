"""Break the code in known ways, one at a time, and see that the named tests turn red.

Each entry of the `*.toml` files beside this one names a file, a text in it that occurs once, what
takes its place, and the narrowest tests of which one must fail then. Words choose the entries whose
file or reason holds one of them. Copies of the package are changed, never the checkout.

Tools such as mutmut and cosmic-ray don't fit: they apply every operator to every line and run the
whole suite on each, which here is months, and their operators can't say what matters: two names
swapped, a seed without its round, a file written before its journal.
"""

import argparse
import compileall
import multiprocessing
import os
import shutil
import sys
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
HEAVY = ("pytest", "torch", "pytorch_lightning", "hydra", "pandas", "skimage.metrics", "h5py")
"""What most tests import: once, in the process that the others are forked from."""

SECONDS, CRASHED = 120, 99
KILLED, SURVIVED = "killed", "SURVIVED"
RED = "red"
"""The file of a copy that names the test that turned red."""


@dataclass(frozen=True)
class Mutant:
    """One way to break the code.

    Attributes:
        why: what is broken, in a few words.
        file: relative to the checkout.
        search: a text that occurs once in it.
        replace: what takes its place.
        tests: as pytest takes them; at least one must fail.
    """

    why: str
    file: str
    search: str
    replace: str
    tests: Sequence[str]

    def apply(self, text: str) -> str:
        """Return a file's text with the mutation.

        Raises:
            ValueError: what is searched for doesn't occur exactly once, or nothing changes.
        """
        if (count := text.count(self.search)) != 1 or self.search == self.replace:
            raise ValueError(f"{self.file}: occurs {count} times, or stays: {self.search}")
        return text.replace(self.search, self.replace)

    def judge(self, copy: Path) -> "Verdict":
        """Return what the tests say of a copy with the mutation; the copy is as before then."""
        path = copy / self.file
        before, stat = path.read_text(), path.stat()
        path.write_text(self.apply(before))
        try:
            status, red = run_apart(self.tests, copy)
        finally:
            path.write_text(before)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its bytecode fits again
        return Verdict({0: SURVIVED, 1: KILLED}.get(status, f"pytest ended {status}"), red)


class Verdict(NamedTuple):
    """What became of a mutant, and the test that noticed it; empty if none did."""

    said: str
    test: str = ""


def read_mutants() -> list[Mutant]:
    """Return the entries of all files, in their order."""
    files = sorted(HERE.glob("*.toml"))
    return [Mutant(**e) for path in files for e in tomllib.loads(path.read_text())["mutant"]]


def run_apart(tests: Sequence[str], copy: Path) -> tuple[int, str]:
    """Run tests against a copy of the package in a forked process.

    Returns:
        pytest's status, and the test that turned red, empty if none did.
    """
    red = copy / RED
    red.unlink(missing_ok=True)
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=(tests, copy))
    process.start()
    process.join()
    status = CRASHED if process.exitcode is None else process.exitcode
    return status, red.read_text() if red.exists() else ""


class _Notary:
    """Writes down which test turned red."""

    def __init__(self, copy: Path) -> None:
        self.path = copy / RED

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.path.write_text(report.nodeid)


def _run_tests(tests: Sequence[str], copy: Path) -> None:
    status = CRASHED
    try:
        import pytest

        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        os.environ |= {"PYTHONPATH": str(copy), "WANDB_MODE": "offline"}
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(copy))
        flags = ["-x", "-q", "-p", "no:cacheprovider", "-o", f"timeout={SECONDS}"]
        flags += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins are there already
        status = int(pytest.main([*flags, *tests], plugins=[_Notary(copy)]))
    finally:
        os._exit(status)  # nothing of the parent's is closed twice


def judge_all(mutants: Sequence[Mutant], folder: Path, jobs: int) -> int:
    """Judge mutants, `jobs` at a time, each in a copy of its own; return how many were killed.

    What was red by itself noticed nothing: every test that turned red must be green without.
    """
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs):
        for name in ("flmrcm", "conf"):
            shutil.copytree(ROOT / name, folder / str(number) / name)
        compileall.compile_dir(folder / str(number), quiet=2)
        copies.put(folder / str(number))

    def judge(mutant: Mutant) -> Verdict:
        copy, start = copies.get(), time.perf_counter()
        verdict, seconds = mutant.judge(copy), time.perf_counter() - start
        copies.put(copy)
        print(f"{verdict.said:9} {seconds:5.1f} s  {mutant.file}: {mutant.why}", flush=True)  # noqa: T201
        return verdict

    def find_red(tests: Sequence[str]) -> str:
        copy = copies.get()
        status, red = run_apart(tests, copy) if tests else (0, "")
        copies.put(copy)
        return red or f"pytest ended {status}" * (status > 0)

    with ThreadPoolExecutor(jobs) as pool:
        verdicts = list(pool.map(judge, mutants))
        noticed = [verdict.test for verdict in verdicts if verdict.said == KILLED]
        red = list(filter(None, pool.map(find_red, share_out(noticed, jobs))))
    for test in red:
        print(f"red without any mutant: {test}")  # noqa: T201
    return 0 if red else len(noticed)


def share_out(tests: Sequence[str], count: int) -> list[list[str]]:
    """Return the tests, each once, in `count` parts; a file's stay together."""
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    once = list(dict.fromkeys(tests))
    return [[t for t in once if t.partition("::")[0] in files[i::count]] for i in range(count)]


def main() -> int:
    """Judge the chosen mutants; return 1 if one survives or an entry doesn't work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("words", nargs="*")
    asked = parser.parse_args()
    chosen = asked.words or [""]
    mutants = [m for m in read_mutants() if any(w in f"{m.file}: {m.why}" for w in chosen)]
    os.chdir(ROOT)
    list(map(__import__, HEAVY))
    with TemporaryDirectory() as folder:
        killed = judge_all(mutants, Path(folder), asked.jobs)
    print(f"{killed} of {len(mutants)} killed")  # noqa: T201
    return int(killed < len(mutants))


if __name__ == "__main__":
    sys.exit(main())
