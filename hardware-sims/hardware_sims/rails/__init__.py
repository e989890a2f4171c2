"""Firmware-level simulators of motion controllers, one per protocol, on a pty and on TCP."""
