"""A benchmark's results: their files, their statistics, and the page that shows them."""
