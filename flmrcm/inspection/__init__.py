"""Inspection of data: what each volume holds, what is suspicious, and pictures of both."""
