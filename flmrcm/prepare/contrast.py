"""The contrast of an image, from its names; what isn't certain is left out.

A name is read as words: runs of letters and of digits. So "REST1" or "Subject1" hold no T1, and
the order of the words is free: "POST T1" and "T1 post" are the same. `tests/prepare/names.csv`
lists names and their answers; it's the law of this file.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

CONTRASTS = ("T1", "T1ce", "T2", "FLAIR", "PD", "PDFS")
"""The contrasts that names are read for; T1ce is T1 after a contrast agent."""

_REWRITES = {
    r"[a-z]{0,2}fmri": " fmri ",
    r"(?-i:(?<=[a-z]{2})(?=[A-Z]))": " ",  # AnatBrain; but eSWAN and dMRI are one word
    r"(?-i:(?<![A-Za-z])[a-z](?=T[12]W))": "",  # Philips' sT1W
    r"(?<![a-z])(ax|cor|sag|tra|[23]d)(?=t[12](?!\d)|pd|flair|3d)": r"\1 ",
    r"(pre|post)[-_ ]?(op|surg|treat|chemo|therap|proc)[a-z]*": " ",  # of treatment, not of agent
    r"(?<![a-z])w(ith)?[-_ ]*(/|and|&)?[-_ ]*w(ith)?[-_ /]*o(ut)?(?![a-z])": " pre post ",
    r"(?<![a-z])w/o(ut)?(?![a-z])": " without ",
    r"\+/-": " pre post ",
    r"\+[-_ ]*cm?(?![a-z])|(?<![a-z])c[-_ ]*\+": " postcontrast ",
    r"(?<![a-z])c-(?![a-z0-9])": " precontrast ",
    r"(?<=t1)c(?![a-z])": " ce ",
    r"(?<=t2)w?[-_ ]?(\*|star)": " susceptibility ",
    r"mp[-_ ]?rage": "mprage",
    r"mp2rage": " quantitative ",
    r"dark[-_ ]?fl(uid)?": " flair ",
    r"fat[-_ ]?sat[a-z]*|(?<=pd)fs": " fs ",
    r"(?<![a-z])b[-_ ]?(0|\d{2,4})(?![\d.])": " bvalue ",
    r"(?<=.)(?<![a-z])sub(?![a-z])": " subtraction ",  # not at the start: there it's a subject
}
"""Spelling → spelling, before a name is split into words; case is ignored."""

_WORD = re.compile(r"(?:(?<![a-z])|(?<=[23]d))t[12](?!\d(?!d))|[23]d|[a-z]+|\d+")

_WEIGHTINGS = {
    "T1": r"t1|(me)?mprage|bravo|f?spgr",
    "T2": "t2",
    "FLAIR": "flair",
    "PD": "pdw?|proton",
}

_NO_IMAGES = {
    "functional images": r"fmri|bold|rest|resting|task|sbref|inplane",
    "diffusion images": r"dwi|dti|dmri|diff|diffusion|e?adc|(col)?fa|tracew?|tensor|dki|noddi",
    "diffusion images or field maps": "bvalue",
    "echo-planar images": "(mb)?epi?",
    "perfusion images": r"p?c?asl|perf|perfusion|dsc|dce|r?cb[fv]|mtt|ttp|tmax|pwi|ktrans"
    r"|dyn|dynamic|twist|tricks",
    "susceptibility images": r"swip?|e?swan|venobold|ha?emo?|hemi|ha?emorrhage|qsm|susceptibility",
    "maps of a quantity": r"maps?|mapit|mapping|molli|shmolli|rho|relax\w*|quantitative|uni|afi|mpm"
    r"|mrf|magic|symri|synthetic|fieldmap|fmap",
    "angiography or flow": r"tof|mr[av]|mrcp|angio\w*|venogra\w*|q?flow|cine|inhance|cemra",
    "spectroscopy": r"svs|csi|mrsi?|spectro\w*|press",
    "phase, real or imaginary images": r"pha|phases?|phasediff|real|imag|imaginary",
    "masks or segmentations": r"masks?|brainmask|defacemask|[ad]?seg|aparc|labels?|probseg|pve|roi"
    r"|xfm",
    "derived images": r"subtract\w*|subtr|m(in)?ips?|ratio",
    "magnetisation transfer": r"mt[cr]?|mtsat|mton|mtoff|cest",
    "navigators or localisers": r"setter|loc|locali[sz]ers?|scout|survey|aahead",
    "another sequence": r"p?stir|psir|dir|ciss|fiesta|trufi|truefisp|b?ssfp|bffe|ute|zte|petra",
}
"""Images that aren't trained on → their words."""

_GRADIENT_ECHO = r"gre|ffe|fl|flash|medic|merge|m?fgre|me"
"""With these, a T2 is a T2*; "me" is several echoes."""

_INVERSION = "tirm?|ir"
"""With these, a T2 may be a FLAIR or a STIR."""

_FAT_SUPPRESSED = "fs|spair|spir"
_DIXON, _WATER = "m?dixon|ideal", "w|water|in|inphase|ip"

_AGENT = (
    r"gd(d?tpa|bopta|dota)?|gad\w*|km|[ck]ontr?(ast\w*)?|con|ce|mdc|pdc|civ|inj|inject\w*|enhanced"
    r"|dotarem|magnevist|omniscan|multihance|prohance|clariscan|eovist|primovist|after|nach"
    r"|post(con\w*|gd|gad\w*|km|ce|inj)?"
)
_BEFORE = (
    r"pre(con\w*|gd|gad\w*|km|ce|inj)?|without|wo|ohne|vor|sans|sin|sem|senza|zonder|nativ[eo]?"
    r"|unenhanced|non(con\w*|enhanced|ce)"
)
_NOT = rf"no|non|not|{_BEFORE}"


class Verdict(NamedTuple):
    """What an image is.

    Attributes:
        contrast: its contrast; empty if it isn't used.
        reason: why it isn't used, without its name, which may hold a person's.
        agent: before | after | both: what its name says about a contrast agent; empty if nothing.
    """

    contrast: str
    reason: str = ""
    agent: str = ""


Classifier = Callable[..., Verdict]
"""Reads names: takes them as arguments."""


@dataclass(frozen=True)
class ContrastRule:
    """The contrast of a series.

    Args:
        patterns: contrast → regular expression that is searched in the names, ignoring case; the
            first match decides. A contrast that has no pattern is found by its usual names.
    """

    patterns: Mapping[str, str]

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The contrasts that it can give."""
        return tuple(dict.fromkeys([*self.patterns, *CONTRASTS]))

    def find_problems(self) -> list[str]:
        """Return an error line for each pattern that isn't a regular expression."""
        return find_pattern_problems(
            {f"contrast_patterns.{contrast}": p for contrast, p in self.patterns.items()}
        )

    def classify(self, *names: str, usual: Classifier | None = None) -> Verdict:
        """Return the contrast that names give.

        Args:
            names: SeriesDescription and ProtocolName, or the name of a file; the first that tells
                a contrast decides.
            usual: what reads a name that no pattern fits; None is `classify_names`.
        """
        verdict = (usual or classify_names)(*names)
        fitting = (
            contrast for contrast, pattern in self.patterns.items()
            if any(re.search(pattern, name, re.IGNORECASE) for name in names)
        )  # fmt: skip
        chosen = next(fitting, None)
        if chosen is None:
            taken = verdict.contrast in self.patterns
            return Verdict("", "no pattern of contrast_patterns matches") if taken else verdict
        # who gives T1ce a pattern, too, tells the two apart
        if chosen == "T1" and "T1ce" not in self.patterns and verdict.agent == "after":
            chosen = "T1ce"
        return Verdict(chosen, agent=verdict.agent)


def find_pattern_problems(patterns: Mapping[str, str]) -> list[str]:
    """Return an error line for each key whose value isn't a regular expression."""
    problems: list[str] = []
    for key, pattern in patterns.items():
        try:
            re.compile(pattern)
        except re.error as error:
            problems.append(f"{key}={pattern}: not a regular expression ({error}).")
    return problems


def classify_names(*names: str) -> Verdict:
    """Return the contrast that the first telling name gives by its usual words."""
    verdicts = filter(None, map(_find_weighting, map(_split_words, names)))
    contrast, reason, _ = next(verdicts, Verdict("", "its name tells no known contrast"))
    return add_agent(contrast, reason, _find_agent(names))


def add_agent(contrast: str, reason: str, agent: str) -> Verdict:
    """Return the verdict about an image before or after a contrast agent, or both, or unknown."""
    if contrast and agent == "both":
        return Verdict("", "its name says both before and after a contrast agent", agent)
    if contrast and agent == "after":
        reason = "" if contrast == "T1" else f"{contrast} after a contrast agent"
        contrast = "T1ce" if contrast == "T1" else ""
    return Verdict(contrast, reason, agent)


def keep_wanted(verdict: Verdict, contrasts: Sequence[str] | None) -> Verdict:
    """Return the verdict if its contrast is one of those to use; None uses all."""
    if contrasts is None or not verdict.contrast or verdict.contrast in contrasts:
        return verdict
    return Verdict("", "another contrast than those in contrasts")


def _split_words(name: str) -> list[str]:
    for spelling, other in _REWRITES.items():
        name = re.sub(spelling, other, name, flags=re.IGNORECASE)
    return _WORD.findall(name.lower())


def _find_weighting(words: Sequence[str]) -> Verdict | None:
    """Return the contrast of a name's words without regard to agents; None if it tells nothing."""
    for kind, pattern in _NO_IMAGES.items():
        if _holds(words, pattern):
            return Verdict("", kind)
    for index, word in enumerate(words):
        if re.fullmatch(_DIXON, word) and not _holds(words[index:], _WATER):
            return Verdict("", "fat or opposed phase of a Dixon sequence")
    found = {contrast for contrast, pattern in _WEIGHTINGS.items() if _holds(words, pattern)}
    if "FLAIR" in found:
        # a T1 FLAIR is a T1 with inversion
        found -= {"T2"} if "T1" not in found else {"FLAIR"}
    if len(found) > 1:
        return Verdict("", "its name tells several contrasts")
    if found == {"T2"} and _holds(words, _GRADIENT_ECHO):
        return Verdict("", "gradient echoes: a T2*, not a T2")
    if found == {"T2"} and _holds(words, _INVERSION):
        return Verdict("", "an inversion recovery: a FLAIR or a STIR")
    if found == {"PD"} and _holds(words, _FAT_SUPPRESSED):
        return Verdict("PDFS")
    return Verdict(found.pop()) if found else None


def _find_agent(names: Sequence[str]) -> str:
    """Return before | after | both, or an empty text where no name speaks of a contrast agent."""
    first, *others = (_find_agent_in_words(_split_words(name)) for name in names)
    # "with and without contrast" as ProtocolName is an examination, not one of its series
    return first or next((state for state in others if state != "both"), "")


def _find_agent_in_words(words: Sequence[str]) -> str:
    agents = [index for index, word in enumerate(words) if re.fullmatch(_AGENT, word)]
    denied = [
        index for index in agents
        if _holds(words[max(0, index - 2) : index], _NOT) and not words[index].startswith("post")
    ]  # fmt: skip
    before, after = bool(denied) or _holds(words, _BEFORE), len(agents) > len(denied)
    return "both" if before and after else "after" if after else "before" if before else ""


def _holds(words: Sequence[str], pattern: str) -> bool:
    return any(re.fullmatch(pattern, word) for word in words)
