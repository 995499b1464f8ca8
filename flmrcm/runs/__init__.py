"""One run: its folder, how it goes on after a stop, how it is judged at its end."""
