"""The doors: help worth reading, clear refusals, and a wheel that runs anywhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from kits.runs_on_disk import write_run

from flmrcm.app import COMMANDS, main

ROOT = Path(__file__).parents[1]

HEAVY = {
    "torch",
    "lightning_fabric",
    "pytorch_lightning",
    "numpy",
    "pandas",
    "matplotlib",
    "h5py",
    "hydra",
    "omegaconf",
}
"""What a text that never changes needn't wait for."""


def printed(capsys, *words):
    main(list(words))
    return capsys.readouterr().out


def test_help_names_every_command(capsys):
    text = printed(capsys, "--help")
    assert all(command in text for command in COMMANDS)
    assert text == printed(capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys, command):
    assert f"usage: flmrcm {command}" in printed(capsys, command, "--help")


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_two_commands_of_a_checkout_have_a_script(command):
    script = [sys.executable, str(ROOT / "scripts" / f"{command}.py"), "--help"]
    shown = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert f"usage: flmrcm {command}" in shown


def test_help_fits_a_terminal(capsys):
    for words in (["--help"], *([command, "--help"] for command in COMMANDS)):
        assert max(map(len, printed(capsys, *words).splitlines())) <= 100


def imported_for(*words, among=frozenset(HEAVY)):
    """Return which of some packages a command imports until it ends, and its exit status."""
    code = (
        "import sys\nfrom flmrcm.app import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stopped:\n    status = stopped.code\n"
        "else:\n    status = 0\n"
        "print(status, *{name.split('.')[0] for name in sys.modules})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    status, *modules = ended.stdout.splitlines()[-1].split()
    return among & set(modules), int(status)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        *((f"{name} --help", 0) for name in COMMANDS),
        ("", 0),
        ("--version", 0),
        ("trian", 2),
        ("train debug=tiny roundz=3 model.channels=4 -m", 2),
        ("evaluate checkpont=x.pt mask=random", 2),
        ("reconstruct checkpoint=x.pt inptu=y", 2),
        ("deploy flower adress=here", 2),
        ("prepare source=ixi outptu=x", 2),
    ],
)
def test_a_text_that_never_changes_waits_for_nothing(line, status):
    assert imported_for(*line.split()) == (set(), status)


@pytest.mark.parametrize("line", ["runs .", "show a", "compare ."])
def test_who_only_reads_results_does_not_wait_for_what_trains(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_run(tmp_path / name, f"method {name}")
    trains = {"torch", "lightning_fabric", "pytorch_lightning", "torchmetrics"}
    assert imported_for(*line.split(), among=trains) == (set(), 0)


def test_an_unknown_command_is_refused_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["trian"])
    assert stopped.value.code == 2
    assert "Did you mean 'train'?" in capsys.readouterr().err


def test_the_whole_config_can_be_printed(capsys):
    assert "accelerations:" in printed(capsys, "train", "--cfg", "job")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--cfg", "hydra"], "sweeper:"),
        (["--cfg", "job", "--resolve", "--package", "mask"], "accelerations:"),
        (["--info", "searchpath"], "Config search path"),
        (["--hydra-help"], "hydra/launcher"),
        (["-sc", "install=bash"], "hydra_bash_completion flmrcm"),
    ],
)
def test_hydras_own_flags_are_handed_on(words, shown):
    typed = [sys.executable, "-m", "flmrcm", "train", *words]
    assert shown in subprocess.run(typed, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("flmrcm ev", "evaluate"),
        ("flmrcm train mask=e", "mask=equispaced mask=equispaced_fraction mask=equispaced_offset"),
        ("flmrcm train local.batch", "local.batch_size="),
        ("flmrcm down ", ""),
    ],
)
def test_a_shell_completes_commands_and_the_words_of_train(capsys, monkeypatch, line, offered):
    monkeypatch.setenv("COMP_LINE", line)
    assert printed(capsys, "-sc", "query=bash").strip() == offered


def test_the_wheel_brings_its_configs(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(target), str(wheel)], check=True)
    shown = subprocess.run(
        [sys.executable, "-m", "flmrcm", "train", "--cfg", "job"],
        cwd=tmp_path, env={"PYTHONPATH": str(target), "HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "accelerations:" in shown
    for name in ("conf/train.yaml", "reports/page.html.j2", "commands/help/train.txt"):
        assert (target / "flmrcm" / name).is_file()


def read_quick_start(page):
    block = re.search(
        r"<!-- quick start -->\n```bash\n(.*?)```", (ROOT / page).read_text(), re.DOTALL
    )
    assert block is not None
    return block[1].splitlines()


def test_the_quick_start_is_what_make_and_the_doors_offer(tmp_path, simulated_cache):
    demo, report = read_quick_start("README.md")
    train, compare = read_quick_start("docs/index.md")
    assert demo == "make demo"
    assert report == f".venv/bin/{compare.replace('debug', 'demo')} --open"
    for line in (train, f"{compare} --open"):
        subprocess.run(
            [sys.executable, "-m", "flmrcm", *line.split()[1:]],
            cwd=tmp_path, check=True, capture_output=True,
            env={"FLMRCM_CACHE": str(simulated_cache), "HOME": str(tmp_path), "BROWSER": "true"},
        )  # fmt: skip
    assert (tmp_path / "outputs/debug/compare/report.html").is_file()
