"""The domain identifier of FL-MRCM: does a latent come from the source or from the target?"""

from torch import nn

_SLOPE = 0.2


def build_discriminator(latent_size: int, width: int = 256) -> nn.Sequential:
    """Return Linear, leaky ReLU, Linear, leaky ReLU on the logits too, as published.

    Args:
        latent_size: width of the latents it classifies.
        width: of the hidden layer.

    Returns:
        a module from latents, (batch, latent_size), to two logits, (batch, 2): target, source.
    """
    return nn.Sequential(
        nn.Linear(latent_size, width),
        nn.LeakyReLU(_SLOPE),
        nn.Linear(width, 2),
        nn.LeakyReLU(_SLOPE),
    )
