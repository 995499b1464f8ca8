"""A running average of the global weights, kept at the server beside them.

Rounds never start from it, so it changes nothing of a training; it is tested as `last_ema`.
"""

from dataclasses import dataclass, replace

from flmrcm.errors import require
from flmrcm.types import ServerState, Weights

EMA = "ema"
"""The kind under which the server's state keeps it."""


@dataclass(frozen=True)
class WeightAverage:
    """The exponential moving average of the global weights over rounds.

    After round t it is e_t = d·e_(t−1) + (1 − d)·w_t, beginning with e_0 = w_0, the weights after
    the first round; initial weights don't count (Polyak and Juditsky 1992; Tarvainen and Valpola,
    NeurIPS 2017, equation 1, with rounds in the place of steps). Whole numbers are the newest.

    Args:
        decay: d in (0, 1); None keeps no average.

    Raises:
        ConfigErrors: a value outside its range.
    """

    decay: float | None = None

    def __post_init__(self) -> None:
        decay = self.decay
        right = decay is None or 0 < decay < 1
        require({"ema.decay": (right, f"between 0 and 1, or null; got {decay}.")})

    def update(self, before: ServerState, after: ServerState) -> ServerState:
        """Return the state after a round with the average in it.

        Args:
            before: the round, with the average so far.
            after: the round; its weights come in.
        """
        if self.decay is None:
            return after
        kept = before.extras.get(EMA, {})
        return replace(after, extras={**after.extras, EMA: self._average(kept, after.weights)})

    def _average(self, kept: Weights, new: Weights) -> Weights:
        decay, averaged = self.decay or 0.0, dict(new)
        for name, tensor in new.items():
            if name in kept and tensor.is_floating_point():
                mean = decay * kept[name].double() + (1 - decay) * tensor.double()
                averaged[name] = mean.to(tensor)
        return averaged
