"""Simulated bodies: PTP/IP responders that an unmodified libgphoto2 drives over loopback."""

from __future__ import annotations

from hardware_sims.cameras.simulated import PERSONALITIES, SimulatedCamera, make_camera

__all__ = ["PERSONALITIES", "SimulatedCamera", "make_camera"]
