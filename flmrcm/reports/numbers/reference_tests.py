"""Every method against a reference, site by site: tested where they may be paired, or told why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.metric_info import MetricInfo
from flmrcm.reports.numbers.pairing import Pairing, ScoreConditions, check_pairing, read_conditions
from flmrcm.reports.numbers.score_matrix import average_per_volume, is_zero_filled, sort_methods
from flmrcm.reports.numbers.statistics import LEAST_VOLUMES, PairedTest, holm, run_paired_test

DEFAULT_REFERENCE = "FL-MR"
SIGNIFICANCE_LEVEL = 0.05

_SCOPE_NOTE = (
    "p and interval say what other volumes might have given, not what other seeds would: hold "
    "differences against the spread over seeds, too."
)

Pairings = Mapping[tuple[str, str], Pairing]
"""By site and method."""


@dataclass(frozen=True)
class ReferenceTests:
    """One metric of one section, every method against the reference.

    Attributes:
        section: of the comparison.
        metric: one of the section's.
        convention: of the metric.
        reference: the method that all others are paired with; empty where there is none.
        tests: by site and method.
        corrected: the tests' p by Holm's method; the family is all tests of this metric and
            section, over sites and methods.
        notes: one line each: what was refused or couldn't be checked, and what can't come out.
    """

    section: str
    metric: MetricInfo
    convention: str
    reference: str
    tests: Mapping[tuple[str, str], PairedTest]
    corrected: Mapping[tuple[str, str], float]
    notes: Sequence[str]

    def build_frame(self) -> pd.DataFrame:
        """Gives a row per test: what it's about, the test's numbers and `p_holm`."""
        about = {
            "section": self.section,
            "metric": self.metric.name,
            "convention": self.convention,
        }
        rows = [
            {
                **about, "site": site, "method": method, "reference": self.reference,
                **test._asdict(), "p_holm": self.corrected[site, method],
            }
            for (site, method), test in self.tests.items()
        ]  # fmt: skip
        columns = [*about, "site", "method", "reference", *PairedTest._fields, "p_holm"]
        return pd.DataFrame(rows, columns=columns)


def run_reference_tests(
    comparison: Comparison, section: str, metric: MetricInfo, reference: str, pairings: Pairings
) -> ReferenceTests:
    """Tests every method of a section against the reference.

    Args:
        comparison: of runs.
        section: one of its sections.
        metric: one of the section's.
        reference: a method of the section.
        pairings: as `pairings_with` gives them.
    """
    values = dict(_group_values(comparison.select_scores(section, metric.name)))
    tests: dict[tuple[str, str], PairedTest] = {}
    untested: dict[tuple[str, str], str] = {}
    for site, method in (pair for pair, found in pairings.items() if not found.refusal):
        of_both = [values.get((name, site)) for name in (method, reference)]
        first, second = of_both
        if first is None or second is None:
            untested[site, method] = f"{metric.title} isn't among the scores of both"
        elif not np.isfinite([*first, *second]).all():
            untested[site, method] = "scores that aren't finite"
        else:
            tests[site, method] = run_paired_test(first, second)
    corrected = holm([test.p for test in tests.values()])
    family = dict(zip(tests, map(float, corrected), strict=True))
    notes = [*_describe_tests(tests), *_describe_pairings(pairings, reference)]
    notes += _merge_notes(
        (f"{site} {method}", f"not tested: {why}.") for (site, method), why in untested.items()
    )
    notes += [_SCOPE_NOTE] if tests else []
    return ReferenceTests(section, metric, comparison.convention, reference, tests, family, notes)


def _group_values(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], list[float]]]:
    """Yield method, site and the values of its volumes, in the order of the volumes' names."""
    for key, values in average_per_volume(rows).groupby(["method", "site"]):
        yield cast(tuple[str, str], key), values.tolist()


def explain_missing_tests(
    comparison: Comparison, section: str, metric: MetricInfo, why: str
) -> ReferenceTests:
    """Gives the place of tests that weren't made, with the reason."""
    return ReferenceTests(section, metric, comparison.convention, "", {}, {}, [why])


def pair_methods(reference: str, comparison: Comparison, section: str) -> Pairings:
    """Gives whether each other method may be paired with the reference, site by site.

    Zero-filled images are no method: they're paired only where they are the reference.

    Args:
        reference: a method of the section.
        comparison: of runs.
        section: one of its sections.
    """
    rows, runs = comparison.select_scores(section), comparison.runs
    behind: dict[tuple[str, str], list[ScoreConditions]] = {}
    known: dict[tuple[str, str], ScoreConditions] = {}
    found = rows.loc[:, ["site", "method", "run"]].drop_duplicates()
    for site, method, folder in found.itertuples(index=False):
        if (folder, site) not in known:
            known[folder, site] = read_conditions(runs[folder], site, comparison.convention)
        behind.setdefault((site, method), []).append(known[folder, site])
    trained = not is_zero_filled(reference)
    return {
        (site, method): check_pairing(
            (method, reference), behind[site, method], behind[site, reference], trained
        )
        for site in sorted(set(rows["site"]))
        for method in sort_methods(rows["method"])
        if method != reference and not is_zero_filled(method)
        and (site, method) in behind and (site, reference) in behind
    }  # fmt: skip


def choose_reference(comparison: Comparison, section: str, asked: str | None) -> str:
    """Gives the method of a section that the others are compared with.

    Args:
        comparison: of runs.
        section: one of its sections.
        asked: a method, by its name in the section or without what's told in brackets; None means
            FL-MR where there is one, else the first.

    Returns:
        str: empty where the section holds no such method, or several of that name.

    Raises:
        ConfigErrors: no section holds the method that was asked for.
    """
    rows, wanted = comparison.results, asked or DEFAULT_REFERENCE
    methods = rows.loc[:, ["section", "method", "name"]].drop_duplicates()
    known = {*methods["method"], *methods["name"]}
    if asked and asked not in known:
        raise ConfigErrors(check_choice("--reference", asked, sort_methods(known)))
    here = {m: name for where, m, name in methods.itertuples(index=False) if where == section}
    named = sort_methods(method for method, name in here.items() if name == wanted)
    if wanted in here:
        return wanted
    if named or asked:
        return named[0] if len(named) == 1 else ""
    return next((method for method in sort_methods(here) if not is_zero_filled(method)), "")


def _describe_tests(tests: Mapping[tuple[str, str], PairedTest]) -> Iterator[str]:
    if not tests:
        return
    least = min(test.attainable for test in tests.values())
    floor = min(1.0, least * len(tests))
    family = "1 test" if len(tests) == 1 else f"the {len(tests)} tests of this table"
    none = ": nothing here can be significant at 5 %" if floor >= SIGNIFICANCE_LEVEL else ""
    yield f"Holm over {family}: no corrected p below {floor:.2g} can come out{none}."
    few = {site: test.n for (site, _), test in tests.items() if test.n < LEAST_VOLUMES}
    if few:
        where = ", ".join(f"{site} ({n})" for site, n in few.items())
        yield f"fewer than {LEAST_VOLUMES} volumes, so that no p below 0.05 can come out: {where}."
    yield from _merge_notes(
        (f"{site} {method}", f"p: {t.way}.")
        for (site, method), t in tests.items()
        if t.way != "exact"
    )


def _describe_pairings(pairings: Pairings, reference: str) -> Iterator[str]:
    yield from _merge_notes(
        (site, f"not paired: {found.refusal}.")
        for (site, _), found in pairings.items()
        if found.refusal
    )
    yield from _merge_notes(
        (method, f"{', '.join(found.unchecked)} couldn't be compared with {reference}'s "
                 "(older or copied runs don't say).")
        for (_, method), found in pairings.items()
        if found.unchecked and not found.refusal
    )  # fmt: skip


def _merge_notes(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Gives each text once, after all the places it's said of."""
    places: dict[str, dict[str, None]] = {}
    for place, text in lines:
        places.setdefault(text, {})[place] = None
    for text, found in places.items():
        yield f"{', '.join(found)}: {text}"
