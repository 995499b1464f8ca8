"""The same door as `flmrcm up`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["up", *sys.argv[1:]])
