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

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
HEAVY = ("pytest", "torch", "pytorch_lightning", "hydra", "pandas", "skimage.metrics", "h5py")
"""What most tests import: once, in the process that the others are forked from."""

SECONDS, CRASHED = 120, 99
GREEN, KILLED, SURVIVED = "green", "killed", "SURVIVED"


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

    def judge(self, copy: Path) -> str:
        """Return what the tests say of a copy with the mutation; the copy is as before then."""
        path = copy / self.file
        before, stat = path.read_text(), path.stat()
        path.write_text(self.apply(before))
        try:
            status = run_apart(self.tests, copy)
        finally:
            path.write_text(before)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its bytecode fits again
        return {0: SURVIVED, 1: KILLED}.get(status, f"pytest ended {status}")


def read_mutants() -> list[Mutant]:
    """Return the entries of all files, in their order."""
    files = sorted(HERE.glob("*.toml"))
    return [Mutant(**e) for path in files for e in tomllib.loads(path.read_text())["mutant"]]


def run_apart(tests: Sequence[str], copy: Path, silent: bool = True) -> int:
    """Run tests against a copy of the package in a forked process; return pytest's status."""
    words = tests, copy, silent
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=words)
    process.start()
    process.join()
    return CRASHED if process.exitcode is None else process.exitcode


def _run_tests(tests: Sequence[str], copy: Path, silent: bool) -> None:
    status = CRASHED
    try:
        import pytest

        for stream in (1, 2) if silent else ():
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        os.environ |= {"PYTHONPATH": str(copy), "WANDB_MODE": "offline"}
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(copy))
        flags = ["-x", "-q", "-p", "no:cacheprovider", "-o", f"timeout={SECONDS}"]
        flags += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins are there already
        status = int(pytest.main([*flags, *tests]))
    finally:
        os._exit(status)  # nothing of the parent's is closed twice


def judge_all(mutants: Sequence[Mutant], folder: Path, jobs: int) -> int:
    """Judge mutants, `jobs` at a time, each in a copy of its own; return how many were killed."""
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs):
        for name in ("flmrcm", "conf"):
            shutil.copytree(ROOT / name, folder / str(number) / name)
        compileall.compile_dir(folder / str(number), quiet=2)
        copies.put(folder / str(number))

    def judge(mutant: Mutant) -> bool:
        copy, start = copies.get(), time.perf_counter()
        said, seconds = mutant.judge(copy), time.perf_counter() - start
        copies.put(copy)
        print(f"{said:9} {seconds:5.1f} s  {mutant.file}: {mutant.why}", flush=True)  # noqa: T201
        return said == KILLED

    def is_green(tests: Sequence[str]) -> bool:
        copy = copies.get()
        # a silent run that turns red is repeated aloud
        red = bool(tests) and run_apart(tests, copy) and run_apart(tests, copy, silent=False)
        copies.put(copy)
        return not red

    with ThreadPoolExecutor(jobs) as pool:
        print("the tests, the code as it is", flush=True)  # noqa: T201
        # what is red by itself would notice nothing
        if not all(list(pool.map(is_green, share_out(mutants, jobs)))):
            return 0
        return sum(pool.map(judge, mutants))


def share_out(mutants: Sequence[Mutant], count: int) -> list[list[str]]:
    """Return every test that is named, once, in `count` parts; a file's stay together."""
    tests = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    return [[t for t in tests if t.partition("::")[0] in files[i::count]] for i in range(count)]


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
