"""The files of finished runs, read, checked and put into one table."""
