"""`flmrcm deploy`: what was typed ends in the folders, what can't be is one line."""

from pathlib import Path

import pytest
import yaml

from flmrcm.app import main
from flmrcm.commands import deploy


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def house(name):
    return yaml.safe_load(Path("new", "sites", name, "site.yaml").read_text())


def failing(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(["deploy", *words])
    return stopped.value.code, capsys.readouterr().err.strip()


def test_simulated_sites_make_their_data_at_home(capsys):
    main(["deploy", "flower", "sites=simulated", "output=new", "data.simulated.size=32"])
    generator = house("sim_b")["data"]["generator"]
    assert (generator["size"], generator["cache"]) == (32, "data")
    assert "new: a coordinator and 4 sites" in capsys.readouterr().out


def test_folders_of_real_sites_are_written_or_left_to_fill_in():
    words = ["sites=bfhi", "data_dir=/data", "sites.ixi.root=/ixi", "address=10.0.0.7"]
    main(["deploy", "flower", "output=new", *words])
    assert house("brats")["data"] == {"root": "/data/BraTS"}
    assert house("ixi")["data"] == {"root": "/ixi"}
    assert house("ixi")["coordinator"] == "10.0.0.7:8000"


def test_what_a_site_s_data_are_like_stands_in_its_own_file(tmp_path):
    words = ["sites=bfhi", "data_dir=data", "sites.ixi.phase_encoding=rows"]
    words += ["sites.ixi.slices=[2,6]", "sites.brats.sample_rate=0.5", "sites.ixi.label=London"]
    main(["deploy", "flower", "output=new", *words])
    found = house("ixi")["data"]
    assert found["root"] == str(tmp_path / "data" / "IXI")
    assert {k: v for k, v in found.items() if k != "root"} == {
        "phase_encoding": "rows", "slices": [2, 6],
    }  # fmt: skip
    assert house("brats")["data"]["sample_rate"] == 0.5
    assert list(house("fastmri")["data"]) == ["root"]


def test_one_data_set_is_not_given_to_several_sites(capsys):
    words = ["sites=iid", "split.of=ixi", "split.count=2", "data_dir=/data", "output=new"]
    status, text = failing(capsys, "flower", *words)
    assert status == 2
    assert "split.of=ixi: splits one data set among sites" in text
    assert not Path("new").exists()


def test_a_folder_may_be_called_anything():
    main(["deploy", "flower", "sites=bfhi", "output=new (1)=[x]", "sites.ixi.root=/i=x,i"])
    text = Path("new (1)=[x]", "sites", "ixi", "site.yaml").read_text()
    assert yaml.safe_load(text)["data"] == {"root": "/i=x,i"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["flowr", "output=new"],
            "transport=flowr: use one of flower, nvflare. Did you mean 'flower'?",
        ),
        (["flower"], "output: name a new folder: output=FOLDER."),
        (["flower", "output=new", "port=http"], "port=http: a whole number."),
        (["flower", "output=new", "days=99999999"], "days: 1 to 3650; got 99999999."),
        (["flower", "output=new", "adress=x"], "Did you mean 'address'?"),
        (["flower", "output"], "output: words are KEY=VALUE or GROUP=NAME."),
        (["flower", "output=new", "sites=simulatd"], "Did you mean 'simulated'?"),
    ],
)
def test_bad_input_is_one_line(capsys, words, said):
    status, text = failing(capsys, *words)
    assert status == 2
    assert said in text
    assert len(text.splitlines()) == 1
    assert not Path("new").exists()


def test_without_the_extra_one_line_names_it(capsys, monkeypatch):
    monkeypatch.setattr(deploy, "find_spec", lambda _: None)
    assert failing(capsys, "flower", "output=new") == (
        2,
        "config: flower: isn't installed; pip install 'flmrcm[flower]'.",
    )
