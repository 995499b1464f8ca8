"""What the files of a run's folder are called, for all who write or read them."""

CONFIG = "config.yaml"
"""The resolved config: a folder that holds one is a run's."""

ENVIRONMENT = "environment.json"
"""Commit, versions, machine, fingerprints of the sites' volumes."""

JOURNAL = "journal.csv"
"""Every measurement of every round; see `federation.journal`."""

SCORES = "scores.csv"
"""The test scores of every volume; see `learning.records`."""

METRICS = "metrics.json"
"""How reports show the metrics in `SCORES`; see `reports.metric_info`. Older runs have none."""

RECONSTRUCTIONS = "reconstructions"
"""A folder for each site, a file for each saved volume."""

DONE = "done"
"""An empty file: the run has finished."""

FAILED = "failed"
"""A file that says in one line why the run ended early."""

LOCK = ".lock"
"""Held by the process that writes the run."""
