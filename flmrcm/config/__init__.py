"""From a config to a federation: composing, checking, building."""
