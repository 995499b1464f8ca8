"""Ray on this machine alone: it listens on loopback, reports nothing, and looks up no name."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as on those, Ray listens on loopback only
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # an actor without a GPU sees none
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # a reply says in one line what Ray prints in ten
    # a closed port: even with reports off, Ray asks cloud providers' addresses where it runs
    "http_proxy": "http://127.0.0.1:9",
    "no_proxy": "",
}


def start_ray() -> Any:
    """Start Ray unless it runs and return its module; it ends with this process."""
    with _set_environment({**_SETTINGS, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}):
        ray = import_module("ray")
        if not ray.is_initialized():
            ray.init(
                num_cpus=1,
                num_gpus=torch.cuda.device_count(),
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
    return ray


@contextmanager
def _set_environment(settings: dict[str, str]) -> Generator[None]:
    """Set environment variables for Ray's processes, and restore this process's own."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
