"""From original downloads to sites: find, read, select, resample, crop, encode, write."""
