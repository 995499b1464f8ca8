"""Words laid over a run's own config: what holds for all sites reaches each of them."""

import pytest
from omegaconf import OmegaConf

from flmrcm.config.compose import compose_config
from flmrcm.config.conf_files import find_conf_dir
from flmrcm.config.run_config import LINKS, complete_config, overlay_words


def finished(*words):
    """Return the config of a run of these words, as its folder holds it: resolved."""
    config = compose_config("train", list(words))
    return complete_config(OmegaConf.to_container(config, resolve=True))


@pytest.mark.parametrize(
    "words",
    [
        ["contrast=T2"],
        ["coils=multi"],
        ["data.seed=5", "data.simulated.size=64", "data.simulated.lesions=true"],
        ["data.simulated.subjects={train: 3, val: 1, test: 2}", "data.simulated.slices=3"],
        ["data.simulated.folder=/elsewhere", "data.simulated.coils=4"],
    ],
)
@pytest.mark.parametrize("sites", ["simulated", "bfhi"])
def test_what_is_typed_for_all_sites_is_what_a_run_would_give_them(sites, words):
    own = finished(f"sites={sites}")
    assert overlay_words(own, words).sites == finished(f"sites={sites}", *words).sites
    assert own == finished(f"sites={sites}")


def test_a_site_keeps_what_is_its_own():
    own = finished("sites=simulated", "sites.sim_h.contrast=T2", "sites.sim_h.generator.size=32")
    changed = overlay_words(own, ["contrast=T2", "data.simulated.size=64"])
    assert [node.contrast for node in changed.sites.values()] == ["T2"] * 4
    assert changed.sites.sim_h.generator.size == 32
    back = overlay_words(changed, ["contrast=T1"])
    assert back.sites.sim_b.contrast == "T1"


def test_every_link_of_a_site_to_its_run_is_known():
    """A site's file that takes over another key of the run would be left behind by typed words."""
    found = set[str]()
    for path in (find_conf_dir() / "site").glob("*.yaml"):
        plain = OmegaConf.to_container(OmegaConf.load(path))
        nodes = {"": plain, "generator.": plain.get("generator") or {}}
        for above, node in nodes.items():
            links = {k: v for k, v in node.items() if str(v).startswith("${")}
            found |= {f"{value[2:-1]} → {above}{key}" for key, value in links.items()}
    assert found == {f"{key} → {place}" for key, place in LINKS.items()}
