"""Middleware: what happens to messages between strategy and transport, one member a file."""
