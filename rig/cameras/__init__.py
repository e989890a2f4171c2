"""Cameras: one protocol, the libgphoto2 adapter in a process of its own, and what bodies call things."""
