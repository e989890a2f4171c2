"""Stacks by the lens's own focus: marks, the run, and whether the lens has moved."""
