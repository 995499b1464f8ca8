"""What runs left behind, laid side by side."""
