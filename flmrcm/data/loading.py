"""How a site's slices become batches."""

from dataclasses import dataclass

from flmrcm.data.augmentation import Augmentation
from flmrcm.data.coil_maps import FROM_MODEL, CoilMaps
from flmrcm.errors import ConfigErrors, check_choice, require


@dataclass(frozen=True)
class Loading:
    """How slices become batches; nothing here changes which examples or masks are drawn.

    Args:
        batch_size: slices per batch.
        resolution: largest height and width a network sees, pixels.
        clamp_target: keep training targets within ±6 σ, as the published code does.
        cache: `off` reads slices when they're needed, `ram` reads a split once.
        workers: loader processes; 0 loads in the main one.
        needs_kspace: also hand the undersampled k-space to the model.
        needs_center: refuse coils whose mask leaves no fully sampled centre, of files' own masks.
        needs_peak: also hand each volume's largest target value to the loss.
        needs_target: whether the loss reads targets; training volumes may lack them otherwise.
        seed: the run's seed, of training order and training masks.
        maps: where coil maps come from.
        augmentation: moves training slices; None leaves them as they are.

    Raises:
        ConfigErrors: a value outside its range.
    """

    batch_size: int = 16
    resolution: int = 256
    clamp_target: bool = False
    cache: str = "off"
    workers: int = 0
    needs_kspace: bool = False
    needs_center: bool = False
    needs_peak: bool = False
    needs_target: bool = True
    seed: int = 0
    maps: CoilMaps = FROM_MODEL
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if problems := check_choice("data.cache", self.cache, ("off", "ram")):
            raise ConfigErrors(problems)
        require(
            {
                "local.batch_size": (self.batch_size >= 1, f"at least 1; got {self.batch_size}."),
                "data.resolution": (self.resolution >= 1, f"at least 1; got {self.resolution}."),
                "compute.workers": (self.workers >= 0, f"0 or more; got {self.workers}."),
            }
        )
