"""The app that Flower carries to sites: two doors to the package that's installed there."""
