"""What a comparison comes to, as numbers."""
