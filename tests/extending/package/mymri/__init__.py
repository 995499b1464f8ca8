"""Extensions of flmrcm, and their configs in `conf/`."""
