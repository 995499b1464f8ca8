"""`flmrcm benchmark`: a method's runs under a fixed protocol, its results, the leaderboard."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from flmrcm.config.benchmark import Protocol, read_protocol
from flmrcm.config.conf_files import list_options
from flmrcm.config.words import parse_word
from flmrcm.errors import ConfigErrors, FlmrcmError, check_choice, require
from flmrcm.logs import say

SEARCH = ("searchpath", "hydra.searchpath")
OPTIONS: Mapping[str, Sequence[str]] = {
    "run": ("method", "model", "part", "seeds", "tasks", "results", *SEARCH),
    "status": ("results",),
    "verify": ("protocol", "seeds", "tasks", "trust"),
    "page": ("results", "output"),
    "data": ("write",),
}
"""The keys of each action."""

OUTPUTS = Path("outputs", "benchmark")
PART = re.compile(r"([1-9]\d*)/([1-9]\d*)")


def main(words: list[str]) -> None:
    """Do what the first word says.

    Raises:
        ConfigErrors: a word that isn't understood.
        FlmrcmError: a run failed, or results aren't what they should be.
    """
    action, subject, options = _read_words(words)
    if action == "verify":
        _verify(Path(subject), options)
        return
    protocol = read_protocol(subject)
    {"run": _run, "status": _show_status, "page": _write_page, "data": _check_data}[action](
        protocol, options
    )


def _read_words(words: Sequence[str]) -> tuple[str, str, dict[str, str]]:
    plain = [word for word in words if parse_word(word) is None]
    actions = ", ".join(OPTIONS)
    if len(plain) != 2:
        raise ConfigErrors(
            [f"benchmark: say what to do, {actions}, and with which. See flmrcm benchmark --help."]
        )
    if problems := check_choice("benchmark", plain[0], list(OPTIONS)):
        raise ConfigErrors(problems)
    options = dict(word.split("=", 1) for word in words if word not in plain)
    problems = [p for key in options for p in check_choice("word", key, OPTIONS[plain[0]])]
    if problems:
        raise ConfigErrors(problems)
    return plain[0], plain[1], options


def _run(protocol: Protocol, options: Mapping[str, str]) -> None:
    from flmrcm.runs.benchmark.contest import Contest  # only here: wrong words come before it loads
    from flmrcm.runs.benchmark.data import check_data, list_tested
    from flmrcm.runs.benchmark.results import keep_results

    model = options.get("model", next(iter(protocol.models)))
    part = options.get("part", "1/1")
    seeds, tasks = _read_seeds(protocol, options), _read_tasks(protocol, options)
    number, parts = map(int, found.groups()) if (found := PART.fullmatch(part)) else (2, 1)
    require(
        {
            "method": ("method" in options, "give method=NAME, a strategy's config."),
            "part": (number <= parts, f"K/N with 1 ≤ K ≤ N, as in 1/3; got {part}."),
        }
    )
    method, root = options["method"], OUTPUTS / protocol.name
    search = [f"{key}={options[key]}" for key in SEARCH if key in options]
    problems = check_choice("method", method, list_options("strategy", search))
    if problems := problems + check_choice("model", model, list(protocol.models)):
        raise ConfigErrors(problems)
    contest = Contest(protocol, method, model, method, search, root)
    chains = protocol.list_chains(seeds, tasks)[number - 1 :: parts]
    contest.check([cell for chain in protocol.list_chains(protocol.seeds[:1]) for cell in chain])
    data = check_data(protocol)
    say(f"data: {data.text}")
    path = _find_results(protocol, options) / f"{method}-{model}.csv".replace("/", "_")
    keep_results(contest, chains, data, path, list_tested(protocol))


def _show_status(protocol: Protocol, options: Mapping[str, str]) -> None:
    from flmrcm.reports.leaderboard.result_file import read_results
    from flmrcm.runs.benchmark.data import list_tested

    folder = _find_results(protocol, options)
    results, problems = read_results(folder, protocol, list_tested(protocol))
    cells = list(protocol.list_cells())
    say(f"{protocol.name} ({protocol.status}): {len(cells)} runs a method; {folder}")
    for path, result in results.items():
        left = [cell.name for cell in cells if cell not in result.runs]
        lacks = f"; next: {left[0]}" if left else ""
        say(
            f"{path.name}: {result.about.name}, {len(result.runs)} of {len(cells)} runs done{lacks}"
        )
    for problem in problems:
        say(f"not read: {problem}", style="yellow")


def _write_page(protocol: Protocol, options: Mapping[str, str]) -> None:
    from flmrcm.reports.leaderboard.page import write_page
    from flmrcm.reports.leaderboard.result_file import read_results
    from flmrcm.runs.benchmark.data import list_tested

    folder = _find_results(protocol, options)
    results, problems = read_results(folder, protocol, list_tested(protocol))
    output = Path(options.get("output", f"docs/leaderboard-{protocol.name}.md"))
    write_page(protocol, list(results.values()), output)
    for problem in problems:
        say(f"not on the page: {problem}", style="yellow")
    say(f"written: {output}, {len(results)} files of results")


def _check_data(protocol: Protocol, options: Mapping[str, str]) -> None:
    from flmrcm.runs.benchmark.data import check_data, digest_data, write_volumes

    if options.get("write") == "true":
        why = f"the volumes' table is {protocol.lender}'s; give this protocol `volumes: FILE.csv`."
        require({protocol.name: (not protocol.lender, why)})
        write_volumes(protocol, digest_data(protocol))
        say(f"written: {protocol.table}")
    else:
        say(f"data: {check_data(protocol).text}")


def _verify(path: Path, options: Mapping[str, str]) -> None:
    from flmrcm.reports.leaderboard.result_file import read_benchmark, read_result
    from flmrcm.runs.benchmark import verification
    from flmrcm.runs.benchmark.data import check_data, list_tested

    protocol = read_protocol(options.get("protocol") or read_benchmark(path))
    result = read_result(path, protocol, list_tested(protocol))
    tasks = _read_tasks(protocol, options)
    seeds = _read_seeds(protocol, options) or protocol.seeds[:1]
    trust, root = options.get("trust") == "true", OUTPUTS / f"{protocol.name}-verified"
    contest = verification.prepare_verification(protocol, result, trust, root)
    chains = verification.choose_chains(protocol, result, seeds, tasks)
    found = verification.verify(contest, result, chains, check_data(protocol).text)
    for line in found.lines:
        say(line)
    if not found.accepted:
        raise FlmrcmError(f"{path}: its results could not be repeated here.")


def _find_results(protocol: Protocol, options: Mapping[str, str]) -> Path:
    return Path(options.get("results", f"results/{protocol.name}"))


def _read_seeds(protocol: Protocol, options: Mapping[str, str]) -> list[int]:
    return [int(seed) for seed in _choose("seeds", map(str, protocol.seeds), options)]


def _read_tasks(protocol: Protocol, options: Mapping[str, str]) -> list[str]:
    return _choose("tasks", protocol.tasks, options)


def _choose(key: str, known: Iterable[str], options: Mapping[str, str]) -> list[str]:
    typed, names = [part.strip() for part in options.get(key, "").strip("[]").split(",")], [*known]
    chosen = [name for name in typed if name]
    if problems := [p for name in chosen for p in check_choice(key, name, names)]:
        raise ConfigErrors(problems)
    return chosen
