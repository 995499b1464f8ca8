"""Middleware: changes to messages between strategy and transport, one member a file."""
