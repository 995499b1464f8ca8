"""Where the config files lie."""

from pathlib import Path


def find_conf_dir() -> Path:
    """Gives the folder of configs: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def find_checkout() -> Path | None:
    """Gives the checkout the package runs from; None where it's installed."""
    root = Path(__file__).parent.parent.parent
    return root if (root / "pyproject.toml").is_file() else None
