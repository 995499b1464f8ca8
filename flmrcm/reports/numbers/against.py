"""Every method against a reference, site by site: tested where they may be paired, or told why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from flmrcm.errors import ConfigErrors, one_of
from flmrcm.reports.collected.comparison import Comparison
from flmrcm.reports.numbers.matrix import in_order, is_zero_filled, per_volume
from flmrcm.reports.numbers.pairing import Conditions, Pairing, conditions, pairing
from flmrcm.reports.numbers.statistics import LEAST_VOLUMES, PairedTest, holm, paired_test

USUAL_REFERENCE = "FL-MR"
LEVEL = 0.05

_SCOPE = (
    "p and interval say what other volumes might have given, not what other seeds would: hold "
    "differences against the spread over seeds, too."
)

Pairings = Mapping[tuple[str, str], Pairing]
"""By site and method."""


@dataclass(frozen=True)
class Against:
    """One metric of one section, every method against the reference.

    Attributes:
        section: of the comparison.
        metric: psnr | ssim | nmse.
        convention: of the metric.
        reference: the method that all others are paired with; empty where there is none.
        tests: by site and method.
        corrected: the tests' p by Holm's method; the family is all tests of this metric and
            section, over sites and methods.
        notes: one line each: what was refused or couldn't be checked, and what can't come out.
    """

    section: str
    metric: str
    convention: str
    reference: str
    tests: Mapping[tuple[str, str], PairedTest]
    corrected: Mapping[tuple[str, str], float]
    notes: Sequence[str]

    def frame(self) -> pd.DataFrame:
        """Gives a row per test: what it's about, the test's numbers and `p_holm`."""
        about = {"section": self.section, "metric": self.metric, "convention": self.convention}
        rows = [
            {
                **about, "site": site, "method": method, "reference": self.reference,
                **test._asdict(), "p_holm": self.corrected[site, method],
            }
            for (site, method), test in self.tests.items()
        ]  # fmt: skip
        columns = [*about, "site", "method", "reference", *PairedTest._fields, "p_holm"]
        return pd.DataFrame(rows, columns=columns)


def against(
    comparison: Comparison, section: str, metric: str, reference: str, pairings: Pairings
) -> Against:
    """Tests every method of a section against the reference.

    Args:
        comparison: of runs.
        section: one of its sections.
        metric: psnr | ssim | nmse.
        reference: a method of the section.
        pairings: as `pairings_with` gives them.
    """
    values = per_volume(comparison.of(section, metric))
    tests = {
        (site, method): paired_test(values[method, site], values[reference, site])
        for (site, method), found in pairings.items()
        if not found.refusal
    }
    corrected = holm([test.p for test in tests.values()])
    family = dict(zip(tests, map(float, corrected), strict=True))
    notes = [*_about_tests(tests), *_about_pairings(pairings, reference)]
    notes += [_SCOPE] if tests else []
    return Against(section, metric, comparison.convention, reference, tests, family, notes)


def untested(comparison: Comparison, section: str, metric: str, why: str) -> Against:
    """Gives the place of tests that weren't made, with the reason."""
    return Against(section, metric, comparison.convention, "", {}, {}, [why])


def pairings_with(reference: str, comparison: Comparison, section: str) -> Pairings:
    """Gives whether each other method may be paired with the reference, site by site.

    Zero-filled images are no method: they're paired only where they are the reference.

    Args:
        reference: a method of the section.
        comparison: of runs.
        section: one of its sections.
    """
    rows, runs = comparison.of(section, "psnr"), comparison.runs
    behind: dict[tuple[str, str], list[Conditions]] = {}
    known: dict[tuple[str, str], Conditions] = {}
    found = rows.loc[:, ["site", "method", "run"]].drop_duplicates()
    for site, method, folder in found.itertuples(index=False):
        if (folder, site) not in known:
            known[folder, site] = conditions(runs[folder], site, comparison.convention)
        behind.setdefault((site, method), []).append(known[folder, site])
    trained = not is_zero_filled(reference)
    return {
        (site, method): pairing(
            (method, reference), behind[site, method], behind[site, reference], trained
        )
        for site in sorted(set(rows["site"]))
        for method in in_order(rows["method"])
        if method != reference and not is_zero_filled(method)
        and (site, method) in behind and (site, reference) in behind
    }  # fmt: skip


def chosen_reference(comparison: Comparison, section: str, asked: str | None) -> str:
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
    rows, wanted = comparison.results, asked or USUAL_REFERENCE
    methods = rows.loc[:, ["section", "method", "name"]].drop_duplicates()
    known = {*methods["method"], *methods["name"]}
    if asked and asked not in known:
        raise ConfigErrors(one_of("--reference", asked, in_order(known)))
    here = {m: name for where, m, name in methods.itertuples(index=False) if where == section}
    named = in_order(method for method, name in here.items() if name == wanted)
    if wanted in here:
        return wanted
    if named or asked:
        return named[0] if len(named) == 1 else ""
    return next((method for method in in_order(here) if not is_zero_filled(method)), "")


def _about_tests(tests: Mapping[tuple[str, str], PairedTest]) -> Iterator[str]:
    if not tests:
        return
    least = min(test.attainable for test in tests.values())
    floor = min(1.0, least * len(tests))
    family = "1 test" if len(tests) == 1 else f"the {len(tests)} tests of this table"
    none = ": nothing here can be significant at 5 %" if floor >= LEVEL else ""
    yield f"Holm over {family}: no corrected p below {floor:.2g} can come out{none}."
    few = {site: test.n for (site, _), test in tests.items() if test.n < LEAST_VOLUMES}
    if few:
        where = ", ".join(f"{site} ({n})" for site, n in few.items())
        yield f"fewer than {LEAST_VOLUMES} volumes, so that no p below 0.05 can come out: {where}."
    yield from _merged(
        (f"{site} {method}", f"p: {t.way}.")
        for (site, method), t in tests.items()
        if t.way != "exact"
    )


def _about_pairings(pairings: Pairings, reference: str) -> Iterator[str]:
    yield from _merged(
        (site, f"not paired: {found.refusal}.")
        for (site, _), found in pairings.items()
        if found.refusal
    )
    yield from _merged(
        (method, f"{', '.join(found.unchecked)} couldn't be compared with {reference}'s "
                 "(older or copied runs don't say).")
        for (_, method), found in pairings.items()
        if found.unchecked and not found.refusal
    )  # fmt: skip


def _merged(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Gives each text once, after all the places it's said of."""
    places: dict[str, dict[str, None]] = {}
    for place, text in lines:
        places.setdefault(text, {})[place] = None
    for text, found in places.items():
        yield f"{', '.join(found)}: {text}"
