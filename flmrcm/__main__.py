"""`python -m flmrcm` is the same door as `flmrcm`."""

from flmrcm.app import main

main()
