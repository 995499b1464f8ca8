"""`flmrcm down`: ends what `flmrcm up` started, and nothing else."""

from flmrcm.commands.up import DEFAULT_OUTPUT
from flmrcm.errors import FlmrcmError
from flmrcm.files import expand_home
from flmrcm.logs import say


def main(words: list[str]) -> None:
    """End them and say which."""
    if len(words) > 1 or any("=" in word for word in words):
        raise FlmrcmError(f"down: takes one folder; got {' '.join(words)}.")
    from flmrcm.remote.provision.try_out import (
        stop_federation,  # only here: it needs [flower] or [nvflare]
    )

    folder = expand_home(words[0] if words else DEFAULT_OUTPUT).resolve()
    if not (folder / "coordinator").is_dir():
        raise FlmrcmError(f"{folder}: holds no deployment; name its folder: flmrcm down FOLDER.")
    ended = stop_federation(folder)
    say(f"ended: {', '.join(ended)}" if ended else f"{folder}: nothing of it runs.")
