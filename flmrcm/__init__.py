"""Config-driven federated MRI reconstruction."""

from importlib.metadata import version

__version__ = version("flmrcm")
