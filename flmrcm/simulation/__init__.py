"""The embedded multi-site set: scanners simulated on real tissue maps, and one real image."""
