"""The built-in data set: four sites simulated from real tissue maps, and one real image."""
