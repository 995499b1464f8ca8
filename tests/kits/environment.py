"""An environment in which flmrcm and a package of one's own are installed from their wheels."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "extending" / "package"


class Environment:
    """A fresh environment that sees this one's packages, but its own flmrcm and mymri.

    Args:
        folder: empty; it gets the environment.
        cache: of simulated data.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        venv.create(folder, with_pip=False)
        self.bin, (self.site,) = folder / "bin", folder.glob("lib/*/site-packages")
        # a path in a .pth file is a path only: the .pth files there, such as that of an editable
        # flmrcm, are not read
        self.site.joinpath("seen.pth").write_text(sysconfig.get_path("purelib"))
        self._variables = {"HOME": str(folder), "FLMRCM_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
        wheels = folder / "wheels"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        options = ["--quiet", "--no-deps", "--no-index"]
        wheel = [*pip, "wheel", *options, "--no-build-isolation", "--wheel-dir", str(wheels)]
        subprocess.run([*wheel, str(ROOT), str(PACKAGE)], check=True)
        into = [*pip, "--python", str(self.bin / "python"), "install", *options]
        subprocess.run([*into, *map(str, wheels.glob("*.whl"))], check=True)

    def run(self, folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        return subprocess.run(
            [str(self.bin / words[0]), *words[1:]], cwd=folder, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], **self._variables, **variables},
        )  # fmt: skip
