"""Trackers show the journal: the live view, TensorBoard and wandb. Nothing is read from them."""
