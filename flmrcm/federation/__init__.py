"""The federation: the rounds, local training, and the interface between server and sites."""
