"""A site with its policy, and the doors at which a coordinator's calls arrive."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kits.factories import write_site

from flmrcm import __version__
from flmrcm.config.build import Builder, to_plain
from flmrcm.config.compose import compose_config
from flmrcm.config.learner import build_learner
from flmrcm.config.travelling import dump_config, hash_travelling_config, select_travelling_config
from flmrcm.remote.codec import Envelope, encode_call
from flmrcm.remote.connection import CallHeader
from flmrcm.remote.site_server import SiteServer
from flmrcm.remote.site_settings import read_site_settings
from flmrcm.types import Broadcast

Knock = Callable[[Envelope, str], dict[str, Any]]

_CFG = compose_config(
    "train",
    ["sites=bfhi", "target=brats", "compute=cpu", "strategy=fl_mr", "model.channels=2",
     "model.pools=2", "local.batch_size=2"],
)  # fmt: skip
_ALLOWED = {"fewest_slices": 1, "fewest_steps": 1, "fewest_volumes": 1}


@pytest.fixture
def config() -> dict[str, Any]:
    """A harmless config as it travels."""
    chosen = {**to_plain(_CFG), "participants": ["brats", "ixi"], "target": "brats"}
    return json.loads(dump_config(select_travelling_config(chosen)))


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """The file of a site that joins, trains and validates, but is never surveyed or tested."""
    write_site(tmp_path / "mri", {"train": (3,), "val": (2,), "test": (2,)})
    (tmp_path / "policy.yaml").write_text(
        yaml.safe_dump({"operations": ["join", "train", "validate"], **_ALLOWED})
    )
    values = {"site": "ixi", "data": {"root": "mri"}, "policy": "policy.yaml", "threads": 1}
    (tmp_path / "site.yaml").write_text(
        yaml.safe_dump(values | {"compute": {"accelerator": "cpu"}})
    )
    return tmp_path / "site.yaml"


@pytest.fixture(params=["server", "flower", "nvflare"])
def knock(request: pytest.FixtureRequest, site_file: Path, monkeypatch: Any) -> Knock:
    """Return a function that calls at the site's door and returns the head of its answer."""
    if request.param == "server":
        server = SiteServer(read_site_settings(site_file))
        return lambda envelope, config: json.loads(server.answer(envelope, config).head)
    if request.param == "flower":
        pytest.importorskip("flwr", reason="see `make test-transports`")
        return _knock_over_flower(site_file)
    pytest.importorskip("nvflare", reason="see `make test-transports`")
    monkeypatch.setitem(os.environ, "FLMRCM_SITE_FILE", str(site_file))
    return _knock_over_nvflare()


def _knock_over_flower(site_file: Path) -> Knock:
    from flmrcm.remote.flower.app.site import build_handler
    from flmrcm.remote.flower.connection import decode_record, encode_record

    handle = build_handler(site_file)

    def knock(envelope: Envelope, config: str) -> dict[str, Any]:
        return json.loads(decode_record(handle(encode_record(envelope), config)).head)

    return knock


def _knock_over_nvflare() -> Knock:
    from kits.nvflare import call_site

    from flmrcm.remote.nvflare.app.site import SiteEndpoint

    def knock(envelope: Envelope, config: str) -> dict[str, Any]:
        head, tensors = envelope
        return json.loads(call_site(SiteEndpoint(config), "ixi", head=head, tensors=tensors)[0])

    return knock


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    """The run's initial weights."""
    _, module, _ = build_learner(_CFG, Builder())
    assert module is not None
    return {name: tensor.clone() for name, tensor in module.model.state_dict().items()}


@pytest.fixture
def call(config: dict[str, Any]) -> Callable[..., Envelope]:
    """Return a function that makes a call of the harmless run, some of its words changed."""
    header = CallHeader(
        "join", __version__, hash_travelling_config(config), "e" * 16, splits=("train",)
    )

    def make(tensors: Any = None, **changes: Any) -> Envelope:
        message = Broadcast(changes.pop("round", 0), tensors or {})
        known = {k: v for k, v in changes.items() if k in asdict(header)}
        return encode_call(replace(header, **known), message)

    return make
