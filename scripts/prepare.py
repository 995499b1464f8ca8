"""The same door as `flmrcm prepare`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["prepare", *sys.argv[1:]])
