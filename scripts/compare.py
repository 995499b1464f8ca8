"""The same door as `flmrcm compare`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["compare", *sys.argv[1:]])
