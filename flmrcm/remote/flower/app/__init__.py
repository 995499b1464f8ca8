"""What Flower's processes load by name, at the coordinator and at each site; no code travels."""
