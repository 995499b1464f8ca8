"""`python -m flmrcm.deployment coordinator|site FOLDER`: what a start.sh runs."""

import sys
from pathlib import Path

from flmrcm.deployment.places import services_of
from flmrcm.errors import FlmrcmError
from flmrcm.logs import log_to_terminal

if __name__ == "__main__":
    role, place = sys.argv[1:]
    folder = Path(place).resolve()
    log_to_terminal()
    try:
        getattr(services_of(folder, role), f"serve_{role}")(folder)
    except FlmrcmError as error:
        sys.exit(str(error))
