"""The nouns: a batch, a training step, and the two messages between server and site.

torch is imported for types alone: what only reads results needn't wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, Protocol, TypedDict

if TYPE_CHECKING:
    from torch import Tensor, nn

Weights = dict[str, "Tensor"]
"""Named tensors: a state dict or a part of one."""


class Batch(NamedTuple):
    """Slices ready for a network; "normalised" means in standard deviations from the mean.

    Attributes:
        image: (batch, 1, height, width), zero-filled magnitude, normalised, within ±6.
        target: (batch, 1, height, width), magnitude, normalised by the *input's* mean and std; None
            where the files hold none.
        mean: (batch,), of the zero-filled magnitude, in the volume's own units.
        std: (batch,), of the zero-filled magnitude, in the volume's own units.
        mask: bool, (batch, 1, 1, columns), True where measured; never in padding.
        volume: `site/volume` of each slice.
        slice: (batch,), index within the volume.
        kspace: complex, (batch, coils, rows, columns), undersampled, uncropped; None unless needed.
        maps: complex, (batch, coils, rows, columns), coil sensitivities; None unless needed.
        center: int, (batch, 2), rows and columns of the fully sampled centre of k-space.
        peak: (batch,), maximum of each slice's whole target, in its own units; None unless needed.
        n_acquired: (batch,), number of columns that are no padding; None where none is padding.
        seeds: one number a slice, another one in every pass, for whatever a loss draws; None
            outside of training.
        lesion: bool, (batch, 1, height, width), in a lesion; None in training, and without any.
    """

    image: Tensor
    target: Tensor | None
    mean: Tensor
    std: Tensor
    mask: Tensor
    volume: list[str]
    slice: Tensor
    kspace: Tensor | None = None
    maps: Tensor | None = None
    center: Tensor | None = None
    peak: Tensor | None = None
    n_acquired: Tensor | None = None
    seeds: list[int] | None = None
    lesion: Tensor | None = None

    def get_target(self) -> Tensor:
        """Return the target, for whoever can't do without.

        Raises:
            TypeError: there is none; the check before a run says so in words.
        """
        if self.target is None:
            raise TypeError(f"{self.volume[0]} holds no target")
        return self.target

    @property
    def measured_share(self) -> Tensor:
        """The share of the acquired k-space that is measured, in [0, 1]: 1 / acceleration."""
        if self.n_acquired is None:
            return self.mask.float().mean()
        return self.mask.sum() / (self.n_acquired.sum() * self.mask.shape[-2])


class Reconstruction(NamedTuple):
    """A reconstructor's output.

    Attributes:
        image: (batch, 1, height, width), normalised magnitude, unbounded.
        latent: (batch, latent_size), the features by which sites can be aligned; None where a model
            has none.
        kspace: complex, (batch, coils, rows, columns), what the network says of all samples, in
            the batch's standard deviations; None where it says nothing of k-space.
    """

    image: Tensor
    latent: Tensor | None = None
    kspace: Tensor | None = None


class Step(TypedDict):
    """One training step's values, before the strategy adds its own.

    `loss` is a scalar, so are its `terms`, where it has several; `image` and `latent` are those of
    `Reconstruction`, `latent` only where the model has one; a local rule may add `target_latent`,
    (batch, latent_size), the target site's features.
    """

    loss: Tensor
    terms: NotRequired[Sequence[Tensor]]
    image: Tensor
    latent: NotRequired[Tensor]
    target_latent: NotRequired[Tensor]


@dataclass(frozen=True)
class Broadcast:
    """A message from the server to a site.

    Attributes:
        round: counted from 0.
        weights: the shared weights.
        extras: other tensors that the strategy sends, by kind (`latents`, `control`).
    """

    round: int
    weights: Weights
    extras: Mapping[str, Weights] = field(default_factory=dict[str, Weights])


@dataclass(frozen=True)
class Reply:
    """A message from a site to the server.

    Attributes:
        site: its name.
        n_examples: training slices it used.
        weights: the shared weights after its local training.
        extras: other tensors that the strategy returns, by kind.
        metrics: scalar measurements by name.
        error: one line where the site failed; then nothing else counts.
        error_kind: the word by which a site elsewhere said so; None where no word of it arrived.
    """

    site: str
    n_examples: int = 0
    weights: Weights = field(default_factory=dict[str, "Tensor"])
    extras: Mapping[str, Weights] = field(default_factory=dict[str, Weights])
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    error: str | None = None
    error_kind: str | None = None


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
    """A site's whole history: it stays at the site and is never sent.

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
    """The trained module, as far as a strategy's client half may know it."""

    @property
    def latent_size(self) -> int:
        """The width of the model's latent; 0 where it has none."""
        ...

    @property
    def model(self) -> nn.Module:
        """The network."""
        ...

    def encode(self, batch: Batch) -> Tensor:
        """Return latents, (batch, latent_size), without running the decoder."""
        ...


@dataclass(frozen=True)
class SiteContext:
    """A site during one round, as far as a strategy's client half may see it.

    Attributes:
        module: the learner, already holding the broadcast weights.
        message: the server's broadcast.
        memory: the site's history; the rule reads it at once and writes it when it finishes.
        is_target: whether this is the site that the others align with.
        seed: of every draw the rule makes this round.
        learning_rate: the run's base rate, before any decay.
        target: endless batches of the target site's images; None unless the strategy needs them.
    """

    module: Learner
    message: Broadcast
    memory: Memory
    is_target: bool
    seed: int
    learning_rate: float
    target: Iterator[Batch] | None = None
