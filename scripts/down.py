"""The same door as `flmrcm down`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["down", *sys.argv[1:]])
