"""The same door as `flmrcm evaluate`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
