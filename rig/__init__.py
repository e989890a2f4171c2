"""Capture half of focusrig: plans a focus stack, moves the rail, fires the camera and keeps every frame."""

__version__ = "0.1.0"
