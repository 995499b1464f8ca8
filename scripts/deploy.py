"""The same door as `flmrcm deploy`."""

import sys

from flmrcm.app import main

if __name__ == "__main__":
    main(["deploy", *sys.argv[1:]])
