"""`flmrcm evaluate`: test any checkpoint on any sites."""

from datetime import datetime
from pathlib import Path
from secrets import token_hex

from flmrcm.commands.own_keys import read_own_keys
from flmrcm.config.compose import find_unreadable, gather_problems
from flmrcm.config.jobs import list_combinations
from flmrcm.config.words import find_key_problems, quote_texts, split_own_words
from flmrcm.errors import ConfigErrors
from flmrcm.files import expand_home
from flmrcm.logs import say
from flmrcm.reports.tables.fitting import print_whole

_MULTIRUN = ("-m", "--multirun")


def main(words: list[str]) -> None:
    """Test, print the table, and write scores and what was asked to be saved."""
    many = any(word in _MULTIRUN for word in words)
    typed = quote_texts([word for word in words if word not in _MULTIRUN], many)
    if problems := find_key_problems("evaluate", typed) | find_unreadable(typed):
        raise ConfigErrors([problems[word] for word in typed if word in problems])
    jobs = list_combinations(typed) if many else [typed]
    asked = gather_problems([lambda job=job: read_own_keys("evaluate", job) for job in jobs])
    output = asked[0].output
    folder = expand_home(str(output)) if output else _name_folder()
    from flmrcm.runs.evaluation import evaluate  # only here: wrong words are told before it loads

    others = [split_own_words("evaluate", job)[1] for job in jobs]
    evaluate(list(zip(asked, others, strict=True)), folder, many)
    _print_conditions(folder) if many else _print_scores(folder)


def _name_folder() -> Path:
    now = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    return Path("outputs") / "evaluate" / f"{now}_{token_hex(2)}"


def _print_scores(folder: Path) -> None:
    from flmrcm.reports.tables.terminal import build_run_table

    print_whole(build_run_table(folder))
    say(f"written: {folder}")


def _print_conditions(folder: Path) -> None:
    from flmrcm.reports.collected.finished_runs import collect_runs
    from flmrcm.reports.numbers.condition_means import (
        average_by_condition,
        build_condition_table,
    )

    means = average_by_condition(collect_runs([folder]).runs)
    means.to_csv(folder / "conditions.csv", index=False)
    print_whole(build_condition_table(means))
    say(f"written: {folder}/conditions.csv; flmrcm compare {folder} shows more")
