"""The nouns: what a batch is, what a step gives, and the only two things that cross the wall."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NotRequired, Protocol, TypedDict

from torch import Tensor, nn

Weights = dict[str, Tensor]
"""Named tensors: a state dict or a part of one."""


class Batch(NamedTuple):
    """Slices ready for a network.

    Attributes:
        image: (batch, 1, height, width), zero-filled magnitude, normalised, within ±6.
        target: (batch, 1, height, width), magnitude, normalised by the *input's* mean and std.
        mean: (batch,), of the zero-filled magnitude.
        std: (batch,), of the zero-filled magnitude.
        mask: bool, (batch, 1, 1, columns), True where measured.
        volume: `site/volume` of each slice.
        slice: (batch,), index within the volume.
        kspace: complex, (batch, coils, rows, columns), undersampled and uncropped; None unless
            the model asks for it.
        maps: complex, (batch, coils, rows, columns), coil sensitivities; None unless the model asks
            for them.
        center: int, (batch, 2), rows and columns of the fully sampled centre of k-space.
        peak: (batch,), the largest value of each slice's whole target volume, in the data's own
            units; None unless the loss asks for it.
    """

    image: Tensor
    target: Tensor
    mean: Tensor
    std: Tensor
    mask: Tensor
    volume: list[str]
    slice: Tensor
    kspace: Tensor | None = None
    maps: Tensor | None = None
    center: Tensor | None = None
    peak: Tensor | None = None


class Reconstruction(NamedTuple):
    """What a reconstructor gives.

    Attributes:
        image: (batch, 1, height, width), normalised magnitude.
        latent: (batch, latent_size), the features sites can be aligned by; None where a model has
            none.
    """

    image: Tensor
    latent: Tensor | None = None


class Step(TypedDict):
    """One step's values before the strategy has its say.

    `image` and `latent` are those of `Reconstruction`, `latent` only where the model has one; a
    local rule may add `target_latent`, (batch, latent_size), the target site's features.
    """

    loss: Tensor
    image: Tensor
    latent: NotRequired[Tensor]
    target_latent: NotRequired[Tensor]


@dataclass(frozen=True)
class Broadcast:
    """What the server sends to a site.

    Attributes:
        round: counted from 0.
        weights: the shared weights.
        extras: what else the strategy sends, by kind (`latents`, `control`).
    """

    round: int
    weights: Weights
    extras: Mapping[str, Weights] = field(default_factory=dict[str, Weights])


@dataclass(frozen=True)
class Reply:
    """What a site sends back.

    Attributes:
        site: its name.
        n_examples: training slices it used.
        weights: the shared weights after its local training.
        extras: what else the strategy returns, by kind.
        metrics: scalar measurements by name.
        error: one line when the site failed; nothing else counts then.
    """

    site: str
    n_examples: int = 0
    weights: Weights = field(default_factory=dict[str, Tensor])
    extras: Mapping[str, Weights] = field(default_factory=dict[str, Weights])
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    error: str | None = None


@dataclass(frozen=True)
class ServerState:
    """The server's whole history.

    Attributes:
        weights: the global shared weights.
        extras: tensors a strategy keeps between rounds, by kind.
    """

    weights: Weights
    extras: Mapping[str, Weights] = field(default_factory=dict[str, Weights])


@dataclass
class Memory:
    """A site's whole history: it stays at home and is never sent.

    Attributes:
        tensors: private weights, a discriminator, a control variate, by kind.
        optimizers: their optimizers' state dicts, by kind.
    """

    tensors: dict[str, Weights] = field(default_factory=dict[str, Weights])
    optimizers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


class Measurement(NamedTuple):
    """One measurement in the journal.

    Attributes:
        round: counted from 0.
        split: train | val | test | wire.
        site: its name; empty for the whole federation.
        metric: `loss`, `psnr`, `bytes_sent/weights`, ….
        convention: of an image metric; else empty.
        value: the number.
    """

    round: int
    split: str
    site: str
    metric: str
    convention: str
    value: float


class Learner(Protocol):
    """What a strategy's client half may know of the module that is trained."""

    @property
    def latent_size(self) -> int:
        """The width of the model's latent; 0 where it has none."""
        ...

    @property
    def model(self) -> nn.Module:
        """The network."""
        ...

    def encode(self, batch: Batch) -> Tensor:
        """Gives latents, (batch, latent_size), without running the decoder."""
        ...


@dataclass(frozen=True)
class SiteContext:
    """What a strategy's client half may see at a site during one round.

    Attributes:
        module: the learner, already holding the broadcast weights.
        message: the server's broadcast.
        memory: the site's history; the rule reads it now and writes it when it finishes.
        is_target: whether this site is the one the others align with.
        seed: of every draw the rule makes this round.
        learning_rate: the run's base rate, before any decay.
        target: endless batches of the target site's images; None unless the strategy asks.
    """

    module: Learner
    message: Broadcast
    memory: Memory
    is_target: bool
    seed: int
    learning_rate: float
    target: Iterator[Batch] | None = None
