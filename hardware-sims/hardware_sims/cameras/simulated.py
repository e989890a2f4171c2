"""A simulated camera as the bench and the tests use it: made by personality, started, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any

from hardware_sims.cameras.body import Body
from hardware_sims.cameras.canon import CanonEos
from hardware_sims.cameras.equipment import Equipment
from hardware_sims.cameras.exposure import BodyTiming, World
from hardware_sims.cameras.faults import Faults
from hardware_sims.cameras.generic import GenericBody
from hardware_sims.cameras.nikon import NikonBody
from hardware_sims.cameras.schedule import Misbehaviour
from hardware_sims.cameras.sony import SonyAlpha
from hardware_sims.cameras.surroundings import Surroundings
from hardware_sims.clock import SimClock

__all__ = ["PERSONALITIES", "SimulatedCamera", "make_camera"]

PERSONALITIES: Mapping[str, Callable[..., Body]] = {
    "canon": CanonEos,
    "canon-dslr": partial(CanonEos, model="Canon EOS 80D", mirror_um=6.0),
    "generic": GenericBody,
    "nikon": NikonBody,
    "sony": SonyAlpha,
    "sony-steps": partial(SonyAlpha, mode=2),
}
"""The bodies that can be played, by name."""


class SimulatedCamera:
    """A body on a port of the loopback interface; also a context manager.

    Parameters
    ----------
    body : Body
        The personality, not yet listening.
    """

    def __init__(self, body: Body) -> None:
        self.body = body

    @property
    def port_name(self) -> str:
        """The port as libgphoto2 wants it; without the second number it would look for events on 15740."""
        responder = self.body.responder
        return f"ptpip:{responder.host}:{responder.port}:{responder.port}"

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.body.faults

    @property
    def late_renders(self) -> list[float]:
        """Bench seconds by which pictures came late because the world rendered too slowly."""
        return self.body.shutter.late_renders

    def start(self) -> SimulatedCamera:
        """Switch it on; returns itself."""
        self.body.start()
        return self

    def drop_link(self) -> None:
        """Pull the cable; a new connection is accepted at once."""
        self.body.drop_link()

    def close(self) -> None:
        """Switch it off."""
        self.body.close()

    def __enter__(self) -> SimulatedCamera:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def make_camera(
    personality: str,
    world: World,
    clock: SimClock,
    *,
    model: str | None = None,
    shutter_lag_s: float = 0.05,
    readout_s: float = 0.1,
    processing_s: float = 0.1,
    initial: Mapping[str, Any] | None = None,
    equipment: Equipment | None = None,
    misbehaviour: Misbehaviour | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    **options: Any,
) -> SimulatedCamera:
    """A simulated camera, not yet started.

    Parameters
    ----------
    personality : str
        One of `PERSONALITIES`: whose protocol it speaks.
    model : str, optional
        The name it gives; libgphoto2 chooses quirks by it.
    shutter_lag_s, readout_s, processing_s : float
        Its delays, bench seconds.
    initial : mapping, optional
        Its state at power-on, e.g. ``{"exposure_mode": "A", "iso": "auto", "image_format": "raw+jpeg"}``.
    equipment : Equipment, optional
        Battery, card and lens.
    misbehaviour : Misbehaviour, optional
        What goes wrong, and when.
    options
        What the personality takes besides: ``physical_dial``, ``manual_lens_f_number``, Sony's ``mode``,
        Canon's ``offers_manual_focus`` and ``mirror_um``.

    Raises
    ------
    ValueError
        When the personality, an option or an initial value is unknown.
    """
    if personality not in PERSONALITIES:
        raise ValueError(
            f"no camera personality {personality!r}; there are: {', '.join(sorted(PERSONALITIES))}"
        )
    if model is not None:
        options["model"] = model
    timing = BodyTiming(shutter_lag_s, readout_s, processing_s)
    surroundings = Surroundings(world, clock, timing, equipment, misbehaviour, host, port)
    return SimulatedCamera(PERSONALITIES[personality](surroundings, initial=initial, **options))
