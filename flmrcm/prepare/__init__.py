"""From original images to sites: find, read, select, resample, crop, encode, write."""
