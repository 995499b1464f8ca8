"""Looking at data: what is in each volume, what is suspicious, and pictures of all of it."""
