"""Every method against a reference, site by site: a test, or the reason why there is none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd

from flmrcm.errors import ConfigErrors, check_choice
from flmrcm.learning.records import PERSONAL
from flmrcm.reports.collected.comparison import Section
from flmrcm.reports.collected.labels import merge_notes
from flmrcm.reports.metric_info import MetricInfo
from flmrcm.reports.numbers.pairing import Pairing, ScoreConditions, check_pairing, read_conditions
from flmrcm.reports.numbers.score_cells import average_per_volume, is_zero_filled, sort_methods
from flmrcm.reports.numbers.statistics import LEAST_VOLUMES, PairedTest, holm, run_paired_test

DEFAULT_REFERENCE = "FL-MR"
SIGNIFICANCE_LEVEL = 0.05

_SCOPE_NOTE = (
    "p and interval are about other volumes, not about other seeds: compare differences with the "
    "spread over seeds, too."
)

Pair = tuple[str, str]
"""Site and method."""

Pairings = Mapping[Pair, Pairing]


@dataclass(frozen=True)
class ReferenceTests:
    """One metric of one section, every method against the reference.

    Attributes:
        section: of the comparison.
        metric: one of the section's.
        convention: of the metric.
        reference: the method that all others are paired with; empty where there is none.
        tests: by site and method.
        corrected: the tests' p after Holm's correction; the family is all tests of this metric
            and section, over sites and methods.
        notes: one line each: what was refused, what couldn't be checked, and how small p can be.
        weights: global | personal | none, of what was tested, by site and method, the reference
            among them.
    """

    section: str
    metric: MetricInfo
    convention: str
    reference: str = ""
    tests: Mapping[Pair, PairedTest] = field(default_factory=dict[Pair, PairedTest])
    corrected: Mapping[Pair, float] = field(default_factory=dict[Pair, float])
    notes: Sequence[str] = ()
    weights: Mapping[Pair, str] = field(default_factory=dict[Pair, str])

    def build_frame(self) -> pd.DataFrame:
        """Return a row per test: section, metric, …, the fields of the test, and `p_holm`."""
        about = {
            "section": self.section,
            "metric": self.metric.name,
            "convention": self.convention,
        }
        rows = [
            {
                **about, "site": site, "method": method, "reference": self.reference,
                **test._asdict(), "p_holm": self.corrected[site, method],
                "weights": self.weights.get((site, method)),
                "reference_weights": self.weights.get((site, self.reference)),
            }
            for (site, method), test in self.tests.items()
        ]  # fmt: skip
        columns = [*about, "site", "method", "reference", *PairedTest._fields, "p_holm"]
        return pd.DataFrame(rows, columns=[*columns, "weights", "reference_weights"])


def run_reference_tests(
    section: Section, metric: MetricInfo, reference: str, pairings: Pairings
) -> ReferenceTests:
    """Test every method of a section that `pair_methods` pairs with the reference."""
    rows = section.select_scores(metric.name)
    values, kinds = dict(_group_values(rows)), rows.groupby(["site", "method"])["weights"].first()
    weights = cast(dict[Pair, str], kinds.to_dict())
    nothing = dict[str, float]()
    tests: dict[tuple[str, str], PairedTest] = {}
    untested: dict[tuple[str, str], str] = {}
    for site, method in (pair for pair, pairing in pairings.items() if not pairing.refusal):
        first, second = (values.get((name, site), nothing) for name in (method, reference))
        # of a metric that some volumes lack, those are paired that have it in both
        both = sorted(first.keys() & second.keys())
        pairs = [[own[volume] for volume in both] for own in (first, second)]
        if not both:
            untested[site, method] = f"{metric.title} isn't among the scores of both"
        elif not np.isfinite(pairs).all():
            untested[site, method] = "scores that aren't finite"
        else:
            tests[site, method] = run_paired_test(*pairs)
    corrected = holm([test.p for test in tests.values()])
    family = dict(zip(tests, map(float, corrected), strict=True))
    notes = [*_describe_tests(tests), *_describe_pairings(pairings, reference)]
    notes += merge_notes(
        (f"{site} {method}", f"not tested: {why}.") for (site, method), why in untested.items()
    )
    notes += [_SCOPE_NOTE] if tests else []
    own = [site for site, _ in tests if weights[site, reference] == PERSONAL]
    if where := ", ".join(dict.fromkeys(own)):
        notes.append(f"{reference} itself was tested with a site's own weights at {where}.")
    convention = section.comparison.convention
    return ReferenceTests(
        section.title, metric, convention, reference, tests, family, notes, weights
    )


def _group_values(rows: pd.DataFrame) -> Iterator[tuple[Pair, dict[str, float]]]:
    """Yield method, site, and the values of the volumes there, by the volumes' names."""
    for key, values in average_per_volume(rows).groupby(["method", "site"]):
        own = values.droplevel(["method", "site"]).to_dict()
        yield cast(Pair, key), cast(dict[str, float], own)


def pair_methods(reference: str, section: Section) -> Pairings:
    """Return whether each other method may be paired with the reference, site by site.

    Zero-filled images aren't paired unless they are the reference.
    """
    comparison, rows = section.comparison, section.select_scores()
    runs = comparison.runs
    of_method: dict[tuple[str, str], list[ScoreConditions]] = {}
    of_run: dict[tuple[str, str], ScoreConditions] = {}
    distinct = rows.loc[:, ["site", "method", "run"]].drop_duplicates()
    for site, method, folder in distinct.itertuples(index=False):
        if (folder, site) not in of_run:
            of_run[folder, site] = read_conditions(runs[folder], site, comparison.convention)
        of_method.setdefault((site, method), []).append(of_run[folder, site])
    trained = not is_zero_filled(reference)
    return {
        (site, method): check_pairing(
            (method, reference), of_method[site, method], of_method[site, reference], trained
        )
        for site in sorted(set(rows["site"]))
        for method in sort_methods(rows["method"])
        if method != reference and not is_zero_filled(method)
        and (site, method) in of_method and (site, reference) in of_method
    }  # fmt: skip


def choose_reference(section: Section, name: str | None) -> str:
    """Return the method of a section that the others are compared with.

    Args:
        section: of a comparison.
        name: of a method, with or without the settings in brackets; None means FL-MR where there
            is one, else the first method.

    Returns:
        str: empty where the section has no such method, or several of that name.

    Raises:
        ConfigErrors: no section has a method of that name.
    """
    rows, wanted = section.comparison.results, name or DEFAULT_REFERENCE
    methods = rows.loc[:, ["section", "method", "name"]].drop_duplicates()
    known = {*methods["method"], *methods["name"]}
    if name and name not in known:
        raise ConfigErrors(check_choice("--reference", name, sort_methods(known)))
    own = methods.loc[methods["section"] == section.title]
    if wanted in set(own["method"]):
        return wanted
    same_name = sort_methods(own.loc[own["name"] == wanted, "method"])
    if same_name or name:
        return same_name[0] if len(same_name) == 1 else ""
    return next((m for m in sort_methods(own["method"]) if not is_zero_filled(m)), "")


def _describe_tests(tests: Mapping[Pair, PairedTest]) -> Iterator[str]:
    if not tests:
        return
    lowest = min(1.0, min(test.attainable for test in tests.values()) * len(tests))
    family = "1 test" if len(tests) == 1 else f"the {len(tests)} tests of this table"
    none = ": nothing here can be significant at 5 %" if lowest >= SIGNIFICANCE_LEVEL else ""
    yield f"Holm over {family}: no corrected p can be below {lowest:.2g}{none}."
    few = {site: test.n for (site, _), test in tests.items() if test.n < LEAST_VOLUMES}
    if few:
        where = ", ".join(f"{site} ({n})" for site, n in few.items())
        yield f"fewer than {LEAST_VOLUMES} volumes, so no p can be below 0.05: {where}."
    yield from merge_notes(
        (f"{site} {method}", f"p: {t.way}.")
        for (site, method), t in tests.items()
        if t.way != "exact"
    )


def _describe_pairings(pairings: Pairings, reference: str) -> Iterator[str]:
    yield from merge_notes(
        (site, f"not paired: {pairing.refusal}.")
        for (site, _), pairing in pairings.items()
        if pairing.refusal
    )
    yield from merge_notes(
        (method, f"{', '.join(pairing.unchecked)} couldn't be compared with {reference}'s "
                 "(older runs don't record them).")
        for (_, method), pairing in pairings.items()
        if pairing.unchecked and not pairing.refusal
    )  # fmt: skip
