"""Attacks on one's own runs: what their messages and weights tell about the images behind them."""
