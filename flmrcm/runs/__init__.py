"""One run: its folder, how it goes on after a stop, how it is tested at its end."""
