"""`python -m flmrcm.deployment coordinator|site FOLDER`: what a start.sh runs."""

import sys
from pathlib import Path

from flmrcm.deployment.processes import serve_coordinator, serve_site
from flmrcm.errors import FlmrcmError
from flmrcm.logs import log_to_terminal

if __name__ == "__main__":
    role, folder = sys.argv[1:]
    log_to_terminal()
    try:
        {"coordinator": serve_coordinator, "site": serve_site}[role](Path(folder).resolve())
    except FlmrcmError as error:
        sys.exit(str(error))
