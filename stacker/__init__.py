"""Fusion half of focusrig: registers and fuses the frames of a focus stack while they arrive."""
