"""When a run ends before its last round, since it no longer gets better."""

from dataclasses import dataclass

from flmrcm.errors import require


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a run after some validations in a row without a new best round.

    The score is the one that chooses `best.pt`: the mean over the participants, never an unseen
    target's. A validation in which a participant is missing is no better and no worse: it doesn't
    count. (Prechelt, Early Stopping – But When?, 1998: the criterion UP, of the best so far.)

    Args:
        patience: such validations after which the run ends, at least 1; None never ends it.

    Raises:
        ConfigErrors: a value outside its range.
    """

    patience: int | None = None

    def __post_init__(self) -> None:
        patience = self.patience
        right = patience is None or patience >= 1
        require({"early_stopping.patience": (right, f"at least 1, or null; got {patience}.")})

    def find_end(self, stale: int) -> str | None:
        """Return why the run ends, in words; None where it goes on.

        Args:
            stale: validations since the best one.
        """
        if self.patience is None or stale < self.patience:
            return None
        return (
            f"{stale} validations without a better one (early_stopping.patience={self.patience})."
        )
