"""Networks: the reconstructor interface, its implementations, and the domain discriminator."""
