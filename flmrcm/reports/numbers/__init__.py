"""The numbers of a comparison: means, ranks, tests and distances."""
