"""MR physics: Fourier pair, sampling masks, receiver coils, signal equations."""
