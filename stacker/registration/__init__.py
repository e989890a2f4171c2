"""Finds where each frame lies in the reference view, and how bright it is."""
