"""Repairs of a finished picture: regions that are taken from elsewhere, kept as text, applied in order."""
