"""Windows on the journal: the live view, TensorBoard and wandb; none of them holds the truth."""
