"""Who is asked and who is missed: the quorum, and the bench for sites that keep failing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flmrcm.errors import require

Suspensions = Mapping[str, tuple[int, int]]
"""For each site that failed of late: rounds failed in a row, and the round it's asked again in."""

_CLEAN = (0, 0)


@dataclass(frozen=True)
class Tolerance:
    """What a round bears; the defaults bear nothing, and change nothing.

    Args:
        quorum: good training replies a round needs; None needs all that were drawn, and then the
            first failure of any site ends the run.
        timeout: seconds a call may take; None waits for ever. Engines that can interrupt keep it.
        suspend_after: rounds in a row a site may fail in before it's benched; None benches nobody.
        suspend_for: rounds it then sits out.
        norm_factor: how many times longer than the median of the others' a site's update may be;
            None compares nothing, and holds one reply at a time.
        largest_reply: MiB of tensors in a reply; None allows any.

    Raises:
        ConfigErrors: a value outside its range, or a bench without a quorum.
    """

    quorum: int | None = None
    timeout: float | None = None
    suspend_after: int | None = None
    suspend_for: int = 5
    norm_factor: float | None = None
    largest_reply: float | None = None

    def __post_init__(self) -> None:
        counts = {"quorum": self.quorum, "suspend_after": self.suspend_after}
        limits = {"timeout": self.timeout, "largest_reply": self.largest_reply}
        factor, bench = self.norm_factor, self.suspend_for
        idle = self.suspend_after is not None and self.quorum is None
        require(
            {
                **{
                    f"robust.{name}": (n is None or n >= 1, f"at least 1, or null; got {n}.")
                    for name, n in counts.items()
                },
                **{
                    f"robust.{name}": (x is None or x > 0, f"above 0, or null; got {x}.")
                    for name, x in limits.items()
                },
                "robust.suspend_for": (bench >= 1, f"at least 1; got {bench}."),
                "robust.norm_factor": (
                    factor is None or factor >= 1,
                    f"at least 1, or null; got {factor}.",
                ),
            }
        )
        said = "needs robust.quorum: without one the first failure ends the run."
        require({"robust.suspend_after": (not idle, said)})

    @property
    def tolerates_failures(self) -> bool:
        """Whether a site may fail without ending the run."""
        return self.quorum is not None

    def count_needed(self, drawn: int) -> int:
        """Gives the good training replies a round needs.

        Args:
            drawn: how many sites the plan draws for it.
        """
        return drawn if self.quorum is None else self.quorum

    def suspend_after_round(
        self, bench: Suspensions, round_: int, answered: Collection[str], failed: Collection[str]
    ) -> Suspensions:
        """Gives the bench after a round; sites that weren't asked stay as they were.

        Args:
            bench: before it.
            round_: the round, counted from 0.
            answered: sites that gave a good reply.
            failed: sites that failed or were refused, whatever else they answered.
        """
        after = {site: past for site, past in bench.items() if site not in answered}
        for site in failed:
            failures = bench.get(site, _CLEAN)[0] + 1
            out = self.suspend_after is not None and failures >= self.suspend_after
            after[site] = (0, round_ + 1 + self.suspend_for) if out else (failures, 0)
        return dict(sorted(after.items()))


def is_suspended(bench: Suspensions, site: str, round_: int) -> bool:
    """Tells whether a site sits out a round."""
    return round_ < bench.get(site, _CLEAN)[1]
