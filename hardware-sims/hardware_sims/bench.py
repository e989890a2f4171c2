"""The simulated bench: one world with a rail and a camera, hosted by one process.

What to play comes as one JSON object (`Order`); the answer tells the port names of the devices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from hardware_sims.cameras import PERSONALITIES, make_camera
from hardware_sims.cameras.control import ControlServer
from hardware_sims.cameras.equipment import Equipment
from hardware_sims.cameras.exposure import BodyTiming, ExposureSettings
from hardware_sims.cameras.schedule import Misbehaviour
from hardware_sims.cameras.untethered import UntetheredBody
from hardware_sims.carriage import Carriage, Vibration
from hardware_sims.clock import SimClock
from hardware_sims.colour import DAYLIGHT_K
from hardware_sims.focus_drive import FocusDrive
from hardware_sims.light import Light
from hardware_sims.optics import SimLens
from hardware_sims.orders import BatteryOrder, CardOrder, FocusOrder, LengthMm, OrderModel
from hardware_sims.rails.crank import HAND_VIBRATION, CrankSimulator
from hardware_sims.rails.dialect import GRBL, GRBLHAL
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.grbl import GrblSimulator
from hardware_sims.rails.mjkzz import MjkzzSimulator
from hardware_sims.rails.trinamic import TrinamicSimulator
from hardware_sims.rails.wemacro import WeMacroSimulator
from hardware_sims.rails.zaber import ZaberSimulator
from hardware_sims.scene import Scene
from hardware_sims.scenes import SCENES, make_scene
from hardware_sims.scenes.targets import TARGETS, make_target
from hardware_sims.sensor import Sensor
from hardware_sims.world import World

__all__ = ["Bench", "Order", "OrderError", "personality_of"]

_SONY = ("ilce", "ilca", "ilme", "dsc-", "zv-", "slt-", "alpha", "a1", "a6", "a7", "a9")
"""What the names of Sony's models begin with."""
_NIKON = re.compile(r"d\d{1,4}[a-z]?|z ?(\d{1,2}|f)c?( ?ii+)?")
"""Nikon's models, when the make is left out: D850, D3X, Z6 II, Z 8, Zfc."""

_SCENE_WIDTH_MM, _SCENE_DEPTH_MM = 36.0, 32.0
"""The scenes' own proportions: as wide as the frame at 1:1 on a 36 mm sensor, and 32 mm deep."""

_SWITCHED_ON_AT = 2**2.5
"""The true stop behind f/5.6, which the simulated bodies are set to when nobody sets them."""


_ASKED: dict[str, type[MjkzzSimulator | TrinamicSimulator | ZaberSimulator]] = {
    "mjkzz": MjkzzSimulator,
    "trinamic": TrinamicSimulator,
    "zaber": ZaberSimulator,
}
"""Rails whose controllers count and can be asked."""


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


@contextmanager
def _ordered() -> Iterator[None]:
    """What only the devices can refuse was ordered all the same."""
    try:
        yield
    except ValueError as err:
        raise OrderError(f"simulator: {err}") from err


class Bench:
    """World, rail and camera, running until closed.

    Raises
    ------
    OrderError
        When a device cannot be or do what is ordered.
    """

    def __init__(self, order: Order) -> None:
        sim, exposure = order.simulator, order.exposure
        lens = order.lens.truly(sim.lens)
        width_mm = order.camera.sensor_width_mm / lens.magnification
        proportion = width_mm / _SCENE_WIDTH_MM
        if abs(proportion - 1) < 0.05:  # a 35.7 mm sensor still wants the whole 32 mm
            proportion = 1.0
        self.depth_mm = sim.depth_mm or _SCENE_DEPTH_MM * proportion
        clock = SimClock(sim.time_scale)
        # A lens without an electronic aperture has one stop only: the number that the body has stands for it.
        f_number = lens.f_number or _SWITCHED_ON_AT
        brighter = (lens.effective_f_number / f_number) ** 2 if lens.focus == "far" else 1.0
        sim_lens = SimLens(
            magnification=lens.magnification,
            effective_f_number=lens.effective_f_number,
            f_number=f_number,
            pupil_distance_mm=lens.pupil_distance_mm,
        )
        with _ordered():
            travel = (sim.focus or FocusOrder()).travel(sim_lens)
        drive = FocusDrive(travel, clock, sim.seed)
        carriage = Carriage(
            backlash_mm=sim.backlash_mm,
            vibration=_vibration(order),
            seed=sim.seed,
            start_mm=order.rail.start_mm,
            tilt_um_per_mm=sim.rail_tilt_um_per_mm,
        )
        self.world = World(
            scene=self._scene(sim, width_mm),
            lens=sim_lens,
            sensor=Sensor(
                width_px=sim.pixels[0],
                height_px=sim.pixels[1],
                pitch_um=order.camera.sensor_width_mm * 1000.0 / sim.pixels[0],
            ),
            light=Light(
                exposure.shutter_s / brighter,
                f_number,
                exposure.iso,
                flash_exposure=brighter,
                kelvin=sim.light_kelvin,
            ),
            carriage=carriage,
            clock=clock,
            seed=sim.seed,
            focus=drive,
            farthest_mm=travel.far_mm if sim.focus else 0.0,
        )
        self._order = order
        self._open = ExitStack()
        self._open.callback(self.world.close)
        try:
            if order.pictures:
                self.world.renderer.prepare()
            self.untethered = self._untethered(clock, f_number)
            wired = None if self.untethered is None else self.untethered.contact
            with _ordered():
                self.rail = _rail(order.rail, carriage, clock, wired, sim)
            self._open.callback(self.rail.close)
            self.rail.start()
            # Only personalities with a mechanical dial know the word; without it they all turn it themselves.
            dial: dict[str, Any] = {"physical_dial": True} if sim.physical_dial else {}
            with _ordered():
                self.camera = make_camera(
                    sim.personality or personality_of(order.camera.model),
                    self.world,
                    clock,
                    model=order.camera.model,
                    shutter_lag_s=order.camera.shutter_lag_s,
                    readout_s=order.camera.readout_s,
                    processing_s=order.camera.processing_s,
                    initial=sim.initial,
                    equipment=Equipment(
                        battery=sim.battery.made(),
                        card=sim.card.made(),
                        lens=(sim.focus or FocusOrder()).mounted(drive),
                        live_fps=sim.live_fps,
                    ),
                    misbehaviour=sim.faults,
                    **dial,
                )
            self._open.callback(self.camera.close)
            with _ordered():
                self.camera.start()
            self.control = ControlServer(self.camera.body, self.rail)
            self._open.callback(self.control.close)
            self.control.start()
        except BaseException:
            self._open.close()
            raise

    def _untethered(self, clock: SimClock, f_number: float) -> UntetheredBody | None:
        """The second body in front of the same scene, whose files turn up in a folder."""
        camera, exposure, folder = self._order.camera, self._order.exposure, self._order.simulator.folder
        if folder is None:
            return None
        timing = BodyTiming(camera.shutter_lag_s, camera.readout_s, camera.processing_s)
        settings = ExposureSettings(exposure.shutter_s, f_number, exposure.iso)
        body = UntetheredBody(self.world, clock, timing, settings, Path(folder))
        self._open.callback(body.close)
        return body

    def _scene(self, sim: Simulator, width_mm: float) -> Scene:
        if sim.target is not None:
            return make_target(sim.target, width_mm=width_mm, at_mm=sim.target_at_mm, seed=sim.seed)
        return make_scene(sim.scene, width_mm=width_mm, depth_mm=self.depth_mm, seed=sim.seed)

    def ports(self) -> dict[str, Any]:
        """The answer to an order: where the devices are, and what is played."""
        sim = self._order.simulator
        on_pty = sim.transport == "pty" and self._order.rail.driver != "crank"
        rail_port = self.rail.pty_path if on_pty else self.rail.tcp_url
        return {
            "ready": True,
            "simulated": True,
            "rail_port": rail_port,
            "rail_pty": self.rail.pty_path,
            "rail_tcp": self.rail.tcp_url,
            "camera_port": self.camera.port_name,
            "control_port": "{}:{}".format(*self.control.address),
            "scene": self.world.scene.name,
            "seed": sim.seed,
            "depth_mm": self.depth_mm,
            "pixels": list(sim.pixels),
        }

    def report(self) -> dict[str, Any]:
        """What the bench has to say about itself at the end: renders that came later than a body would."""
        late = list(self.camera.late_renders)
        return {
            "late_renders": len(late),
            "worst_late_s": max(late, default=0.0),
            "faults": self.camera.body.schedule.report(),
            "rail_faults": self.rail.schedule.report(),
        }

    def close(self) -> None:
        """Switch everything off."""
        self._open.close()


def _vibration(order: Order) -> Vibration:
    wanted = order.simulator.vibration
    if wanted is None and order.rail.driver == "crank":
        return HAND_VIBRATION
    return Vibration(**(wanted or VibrationOrder()).model_dump())


def _rail(
    order: RailOrder,
    carriage: Carriage,
    clock: SimClock,
    contact: Callable[[bool], None] | None,
    sim: Simulator,
) -> GrblSimulator | CrankSimulator | MjkzzSimulator | TrinamicSimulator | WeMacroSimulator | ZaberSimulator:
    """What answers to the driver that is rehearsed."""
    misbehaviour = sim.rail_faults
    if order.driver == "wemacro":
        return WeMacroSimulator(
            carriage,
            clock,
            steps_per_mm=order.steps_per_mm,
            towards_subject=order.towards_subject,
            start_mm=order.start_mm,
            contact=contact,
            misbehaviour=misbehaviour,
        )
    if order.driver in _ASKED:
        return _ASKED[order.driver](
            carriage,
            clock,
            steps_per_mm=order.steps_per_mm,
            max_speed_mm_s=order.max_speed_mm_s,
            acceleration_mm_s2=order.acceleration_mm_s2,
            towards_subject=order.towards_subject,
            start_mm=order.start_mm,
            misbehaviour=misbehaviour,
        )
    if order.driver == "crank":
        return CrankSimulator(
            carriage,
            clock,
            pitch_mm=order.pitch_mm,
            closer=order.turn_closer,
            start_mm=order.start_mm,
            contact=contact,
            misbehaviour=misbehaviour,
        )
    return GrblSimulator(
        carriage,
        clock,
        steps_per_mm=order.steps_per_mm,
        max_speed_mm_s=order.max_speed_mm_s,
        acceleration_mm_s2=order.acceleration_mm_s2,
        towards_subject=order.towards_subject,
        travel_mm=(order.low_mm, order.high_mm),
        start_mm=order.start_mm,
        contact=contact,
        misbehaviour=misbehaviour,
        dialect=GRBLHAL if sim.firmware == "grblhal" else GRBL,
    )


def personality_of(model: str | None) -> str:
    """What a model speaks: standard PTP when its make is not known, Sony when there is no model."""
    name = (model or "").lower()
    if "canon" in name or "eos" in name:
        return "canon" if "eos r" in name or "eos" not in name else "canon-dslr"
    if "nikon" in name or _NIKON.fullmatch(name):
        return "nikon"
    return "sony" if not name or name.startswith(_SONY) or "sony" in name else "generic"
