"""Fewer bytes between server and sites: differences, rounded or thinned out."""
