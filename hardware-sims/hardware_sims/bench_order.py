"""What the bench is told to play, one JSON object, checked: rail, camera, lens, exposure and simulator."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from hardware_sims.cameras import PERSONALITIES
from hardware_sims.cameras.schedule import Misbehaviour
from hardware_sims.colour import DAYLIGHT_K
from hardware_sims.orders import BatteryOrder, CardOrder, FocusOrder, LengthMm, OrderModel
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.scenes import SCENES
from hardware_sims.scenes.targets import TARGETS

__all__ = [
    "CameraOrder",
    "ExposureOrder",
    "LensOrder",
    "LensTruth",
    "Order",
    "OrderError",
    "RailOrder",
    "Simulator",
    "VibrationOrder",
    "personality_of",
]

_SONY = ("ilce", "ilca", "ilme", "dsc-", "zv-", "slt-", "alpha", "a1", "a6", "a7", "a9")
"""What the names of Sony's models begin with."""
_NIKON = re.compile(r"d\d{1,4}[a-z]?|z ?(\d{1,2}|f)c?( ?ii+)?")
"""Nikon's models, when the make is left out: D850, D3X, Z6 II, Z 8, Zfc."""


class OrderError(ValueError):
    """The order cannot be played; the message says which key and why."""


def _known_scene(value: object) -> object:
    if value not in SCENES:
        raise ValueError(f"there is no scene {value!r}; there are {', '.join(SCENES)}")
    return value


def _known_target(value: object) -> object:
    if value is not None and value not in TARGETS:
        raise ValueError(f"there is no target {value!r}; there are {', '.join(TARGETS)}")
    return value


def _known_personality(value: object) -> object:
    if value is not None and value not in PERSONALITIES:
        raise ValueError(f"there is no personality {value!r}; there are {', '.join(PERSONALITIES)}")
    return value


_Pixels = Annotated[int, Field(ge=64, le=12000)]


class LensTruth(OrderModel):
    """What the lens on the bench truly is, where that is not what the configuration says."""

    magnification: float | None = Field(None, gt=0)
    effective_f_number: float | None = Field(None, gt=0)
    pupil_distance_mm: float | None = Field(None, gt=0)


class VibrationOrder(OrderModel):
    """How the camera rings after a stop; see `Vibration`."""

    frequency_hz: float = Field(10.0, gt=0)
    decay_s: float = Field(0.15, gt=0)
    coupling: float = Field(1.0, ge=0)


class Simulator(OrderModel):
    """The ``[simulator]`` table of a configuration.

    Attributes
    ----------
    scene : str
        What stands on the bench.
    seed : int
        Of everything random: the scene's details, noise, the direction of shakes.
    time_scale : float
        Bench seconds per real second.
    pixels : tuple of int
        Width and height of the simulated sensor in px; its size in mm is that of the configured camera.
    personality : str, optional
        How the body speaks, one of `PERSONALITIES`; by default what the configured model speaks.
    transport : {"pty", "tcp"}
        What the rail's port is.
    backlash_mm : float
        Play of the simulated screw; text with a unit.
    rail_tilt_um_per_mm : (float, float)
        Drift of the camera across its axis, x and y, for each mm of travel.
    depth_mm : float, optional
        Depth of the subject; text with a unit.
    initial : dict
        State of the body when it is switched on, e.g. ``{"exposure_mode": "A"}``.
    physical_dial : bool
        The mode dial is mechanical: the body refuses to be set to another mode.
    target : str, optional
        A target for measuring the set-up stands there instead of the scene.
    target_at_mm : float
        Position of the carriage at which the target is in focus; text with a unit.
    lens : LensTruth
        What the lens truly is.
    folder : str, optional
        A second body, on no tether, has its release wired to the rail's coolant and spindle outputs (or to
        the hand on the crank), and its files turn up in this folder.
    vibration : VibrationOrder, optional
        How the camera rings after a stop; by default as after a motor's, or after a hand at a crank.
    focus : FocusOrder, optional
        The lens's motor.
    battery : BatteryOrder
        The body's battery.
    card : CardOrder
        The body's card.
    light_kelvin : float
        Colour temperature of the light.
    dust : int
        Grains of dust on the glass of the sensor, at places that the seed decides.
    live_fps : float
        Frames of live view that the body offers in a real second.
    faults : Misbehaviour
        What goes wrong with the body, and when.
    firmware : {"grbl", "grblhal"}
        What runs on the controller of a GRBL rail.
    rail_faults : RailMisbehaviour
        What goes wrong with the rail, and when.
    """

    folder: str | None = None
    scene: Annotated[str, BeforeValidator(_known_scene)] = "insect"
    seed: int = 1
    time_scale: float = Field(1.0, gt=0, le=1000)
    pixels: tuple[_Pixels, _Pixels] = (1800, 1200)
    personality: Annotated[str | None, BeforeValidator(_known_personality)] = None
    transport: Literal["pty", "tcp"] = "pty"
    backlash_mm: Annotated[LengthMm, Field(ge=0, le=1)] = Field(0.02, alias="backlash")
    rail_tilt_um_per_mm: tuple[float, float] = Field((0.0, 0.0), alias="rail_tilt")
    depth_mm: Annotated[LengthMm, Field(gt=0)] | None = Field(None, alias="depth")
    initial: dict[str, str | float] = Field({})
    physical_dial: bool = False
    target: Annotated[str | None, BeforeValidator(_known_target)] = None
    target_at_mm: LengthMm = Field(0.0, alias="target_at")
    lens: LensTruth = LensTruth()
    vibration: VibrationOrder | None = None
    focus: FocusOrder | None = None
    battery: BatteryOrder = BatteryOrder()
    card: CardOrder = CardOrder()
    light_kelvin: float = Field(DAYLIGHT_K, ge=2000, le=15000)
    dust: int = Field(0, ge=0, le=10_000)
    live_fps: float = Field(20.0, gt=0, le=120)
    faults: Misbehaviour = Misbehaviour()
    firmware: Literal["grbl", "grblhal"] = "grbl"
    rail_faults: RailMisbehaviour = RailMisbehaviour()


class RailOrder(OrderModel):
    """The rail that is rehearsed."""

    driver: Literal["grbl", "crank", "mjkzz", "trinamic", "wemacro", "zaber"] = "grbl"
    pitch_mm: float = Field(1.0, gt=0)
    turn_closer: Literal["clockwise", "counter-clockwise"] = "counter-clockwise"
    steps_per_mm: float = Field(3200.0, gt=0)
    max_speed_mm_s: float = Field(2.0, gt=0)
    acceleration_mm_s2: float = Field(50.0, gt=0)
    towards_subject: Literal["+", "-"] = "+"
    start_mm: float = 0.0
    low_mm: float = -20.0
    high_mm: float = 120.0


class CameraOrder(OrderModel):
    """The camera that is rehearsed."""

    model: str | None = None
    sensor_width_mm: float = Field(36.0, gt=0)
    shutter_lag_s: float = Field(0.05, ge=0)
    readout_s: float = Field(0.1, ge=0)
    processing_s: float = Field(0.4, ge=0)


class LensOrder(OrderModel):
    """The lens that is rehearsed, at the magnification in use.

    Focused ``far`` its aperture is not yet the effective one: the same light gives a brighter picture.
    """

    magnification: float = Field(1.0, gt=0)
    f_number: float | None = Field(None, gt=0)
    effective_f_number: float = Field(11.31, gt=0)
    pupil_distance_mm: float = Field(300.0, gt=0)
    focus: Literal["working", "far"] = "working"

    def truly(self, truth: LensTruth) -> LensOrder:
        """The lens as it truly is."""
        return self.model_copy(update={k: v for k, v in truth if v is not None})


class ExposureOrder(OrderModel):
    """The exposure at which the bench is lit rightly."""

    shutter_s: float = Field(0.125, gt=0)
    iso: int = Field(100, gt=0)


class Order(OrderModel):
    """All that the bench is told.

    Attributes
    ----------
    pictures : bool
        Whether pictures are going to be taken: the scene is painted before the ports are told, since drivers
        do not wait for long. Without, they are told at once, and the first picture, if one is taken, is late.
    """

    simulator: Simulator = Simulator()
    rail: RailOrder = RailOrder()
    camera: CameraOrder = CameraOrder()
    lens: LensOrder = LensOrder()
    exposure: ExposureOrder = ExposureOrder()
    pictures: bool = True

    @classmethod
    def read(cls, data: object) -> Order:
        """Check an order; raises OrderError naming the first key that is wrong."""
        try:
            return cls.model_validate(data)
        except ValidationError as err:
            first = err.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise OrderError(f"{key} = {first['input']!r}: {first['msg']}") from err


def personality_of(model: str | None) -> str:
    """What a model speaks: standard PTP when its make is not known, Sony when there is no model."""
    name = (model or "").lower()
    if "canon" in name or "eos" in name:
        return "canon" if "eos r" in name or "eos" not in name else "canon-dslr"
    if "nikon" in name or _NIKON.fullmatch(name):
        return "nikon"
    return "sony" if not name or name.startswith(_SONY) or "sony" in name else "generic"
