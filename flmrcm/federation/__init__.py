"""The federation: the round of the paper, the local loop, and the port between them."""
