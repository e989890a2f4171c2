"""Where a simulated body is."""

from __future__ import annotations

from hardware_sims.cameras.equipment import Equipment
from hardware_sims.cameras.exposure import BodyTiming, World
from hardware_sims.cameras.schedule import Misbehaviour
from hardware_sims.clock import SimClock

__all__ = ["Surroundings"]


class Surroundings:
    """Where a body is: the world before it, what is put into it, what is to go wrong, where it listens.

    Parameters
    ----------
    world : World
        What is in front of it.
    clock : SimClock
        Bench time.
    timing : BodyTiming
        How fast it is.
    equipment : Equipment, optional
        Battery, card and lens; full, empty and without motor when not given.
    misbehaviour : Misbehaviour, optional
        What goes wrong and when; nothing when not given.
    host, port
        Where it listens.
    """

    def __init__(
        self,
        world: World,
        clock: SimClock,
        timing: BodyTiming,
        equipment: Equipment | None = None,
        misbehaviour: Misbehaviour | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.world, self.clock, self.timing = world, clock, timing
        self.equipment = equipment or Equipment()
        self.equipment.battery.clock = clock
        self.misbehaviour = misbehaviour
        self.host, self.port = host, port
