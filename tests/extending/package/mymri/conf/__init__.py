"""One folder for each config group of flmrcm that has something new."""
