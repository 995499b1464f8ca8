"""Who takes part in a round: the quorum, and suspensions for sites that keep failing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flmrcm.errors import require

Suspensions = Mapping[str, tuple[int, int]]
"""For each site that failed lately: rounds failed in a row, and the round it is called again in."""

_NO_FAILURE = (0, 0)


@dataclass(frozen=True)
class Tolerance:
    """Which failures a round tolerates; with the defaults, the first one ends the run.

    Args:
        quorum: good training replies a round needs; None needs all that were drawn, and then the
            first failure of any site ends the run.
        timeout: seconds that a call may take, on engines that can end it; None waits for ever.
        suspend_after: rounds in a row a site may fail in before it is suspended; None suspends
            nobody.
        suspend_for: rounds in which it is then left out.

    Raises:
        ConfigErrors: a value outside its range, or suspensions without a quorum.
    """

    quorum: int | None = None
    timeout: float | None = None
    suspend_after: int | None = None
    suspend_for: int = 5

    def __post_init__(self) -> None:
        counts = {"quorum": self.quorum, "suspend_after": self.suspend_after}
        rounds, timeout = self.suspend_for, self.timeout
        useless = self.suspend_after is not None and self.quorum is None
        require(
            {
                **{
                    f"robust.{name}": (n is None or n >= 1, f"at least 1, or null; got {n}.")
                    for name, n in counts.items()
                },
                "robust.timeout": (
                    timeout is None or timeout > 0,
                    f"above 0, or null; got {timeout}.",
                ),
                "robust.suspend_for": (rounds >= 1, f"at least 1; got {rounds}."),
            }
        )
        why = "needs robust.quorum: without one the first failure ends the run."
        require({"robust.suspend_after": (not useless, why)})

    @property
    def tolerates_failures(self) -> bool:
        """Whether a site may fail without ending the run."""
        return self.quorum is not None

    def count_needed(self, drawn: int) -> int:
        """Return how many good training replies a round needs.

        Args:
            drawn: how many sites the plan draws for it.
        """
        return drawn if self.quorum is None else self.quorum

    def suspend_after_round(
        self,
        suspensions: Suspensions,
        round_: int,
        answered: Collection[str],
        failed: Collection[str],
    ) -> Suspensions:
        """Return the suspensions after a round; sites that were not called stay as they were.

        Args:
            suspensions: before it.
            round_: the round, counted from 0.
            answered: sites that gave a good reply.
            failed: sites that failed or were refused, whatever else they answered.
        """
        after = {site: past for site, past in suspensions.items() if site not in answered}
        for site in failed:
            failures = suspensions.get(site, _NO_FAILURE)[0] + 1
            out = self.suspend_after is not None and failures >= self.suspend_after
            # back from a suspension a site starts again from no failure
            after[site] = (0, round_ + 1 + self.suspend_for) if out else (failures, 0)
        return dict(sorted(after.items()))


def is_suspended(suspensions: Suspensions, site: str, round_: int) -> bool:
    """Return whether a site is left out of a round."""
    return round_ < suspensions.get(site, _NO_FAILURE)[1]
