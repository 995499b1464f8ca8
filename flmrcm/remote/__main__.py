"""`python -m flmrcm.remote coordinator|site FOLDER`: what a start.sh runs."""

import sys
from pathlib import Path

from flmrcm.errors import FlmrcmError
from flmrcm.logs import log_to_terminal
from flmrcm.remote.layout import load_services

if __name__ == "__main__":
    role, name = sys.argv[1:]
    folder = Path(name).resolve()
    log_to_terminal()
    try:
        getattr(load_services(folder, role), f"serve_{role}")(folder)
    except FlmrcmError as error:
        sys.exit(str(error))
