"""The same door as `flmrcm simulate`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["simulate", *sys.argv[1:]])
