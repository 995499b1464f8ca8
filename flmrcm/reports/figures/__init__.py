"""The figures of a comparison: each file draws one, as PNG and as PDF."""
