"""The same door as `flmrcm train`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
