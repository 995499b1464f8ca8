"""Whether this machine is fit for runs: what it is, and the traps that others fell into."""
