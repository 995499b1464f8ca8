"""The same door as `flmrcm ledger`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["ledger", *sys.argv[1:]])
