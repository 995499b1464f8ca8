"""The figures of a comparison, as PNG and as PDF: one file for each kind of figure."""
