"""The simulated bench: one world with a rail and a camera, hosted by one process.

What to play comes as one JSON object (`Order`); the answer tells the port names of the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hardware_sims.bench_order import (
    Order,
    OrderError,
    RailOrder,
    Simulator,
    VibrationOrder,
    personality_of,
)
from hardware_sims.cameras import make_camera
from hardware_sims.cameras.control import ControlServer
from hardware_sims.cameras.equipment import Equipment
from hardware_sims.cameras.exposure import BodyTiming, ExposureSettings
from hardware_sims.cameras.simulated import SimulatedCamera
from hardware_sims.cameras.untethered import UntetheredBody
from hardware_sims.carriage import Carriage, Vibration
from hardware_sims.clock import SimClock
from hardware_sims.focus_drive import FocusDrive
from hardware_sims.light import Light
from hardware_sims.optics import SimLens
from hardware_sims.orders import FocusOrder
from hardware_sims.rails.crank import HAND_VIBRATION, CrankSimulator
from hardware_sims.rails.dialect import GRBL, GRBLHAL
from hardware_sims.rails.grbl import GrblSimulator
from hardware_sims.rails.mjkzz import MjkzzSimulator
from hardware_sims.rails.trinamic import TrinamicSimulator
from hardware_sims.rails.wemacro import WeMacroSimulator
from hardware_sims.rails.zaber import ZaberSimulator
from hardware_sims.scene import Scene
from hardware_sims.scenes import make_scene
from hardware_sims.scenes.targets import make_target
from hardware_sims.sensor import Sensor
from hardware_sims.world import World

__all__ = ["Bench", "Order", "OrderError", "personality_of"]

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
        sim = order.simulator
        self._order = order
        clock = SimClock(sim.time_scale)
        # A lens without an electronic aperture has one stop only: the number that the body has stands for it.
        f_number = order.lens.truly(sim.lens).f_number or _SWITCHED_ON_AT
        carriage = Carriage(
            backlash_mm=sim.backlash_mm,
            vibration=_vibration(order),
            seed=sim.seed,
            start_mm=order.rail.start_mm,
            tilt_um_per_mm=sim.rail_tilt_um_per_mm,
        )
        self.world, drive = self._world(carriage, clock, f_number)
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
            self.camera = self._camera(clock, drive)
            self._open.callback(self.camera.close)
            with _ordered():
                self.camera.start()
            self.control = ControlServer(self.camera.body, self.rail)
            self._open.callback(self.control.close)
            self.control.start()
        except BaseException:
            self._open.close()
            raise

    def _world(self, carriage: Carriage, clock: SimClock, f_number: float) -> tuple[World, FocusDrive]:
        """Scene, lens, sensor and light, and the motor in the lens."""
        order, sim, exposure = self._order, self._order.simulator, self._order.exposure
        lens = order.lens.truly(sim.lens)
        width_mm = order.camera.sensor_width_mm / lens.magnification
        proportion = width_mm / _SCENE_WIDTH_MM
        if abs(proportion - 1) < 0.05:  # a 35.7 mm sensor still wants the whole 32 mm
            proportion = 1.0
        self.depth_mm = sim.depth_mm or _SCENE_DEPTH_MM * proportion
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
        light = Light(
            exposure.shutter_s / brighter,
            f_number,
            exposure.iso,
            flash_exposure=brighter,
            kelvin=sim.light_kelvin,
        )
        world = World(
            scene=self._scene(sim, width_mm),
            lens=sim_lens,
            sensor=Sensor(
                width_px=sim.pixels[0],
                height_px=sim.pixels[1],
                pitch_um=order.camera.sensor_width_mm * 1000.0 / sim.pixels[0],
            ),
            light=light,
            carriage=carriage,
            clock=clock,
            seed=sim.seed,
            focus=drive,
            farthest_mm=travel.far_mm if sim.focus else 0.0,
            dust=sim.dust,
        )
        return world, drive

    def _camera(self, clock: SimClock, drive: FocusDrive) -> SimulatedCamera:
        """The tethered body."""
        sim, camera = self._order.simulator, self._order.camera
        # Only personalities with a mechanical dial know the word; without it they all turn it themselves.
        dial: dict[str, Any] = {"physical_dial": True} if sim.physical_dial else {}
        with _ordered():
            return make_camera(
                sim.personality or personality_of(camera.model),
                self.world,
                clock,
                model=camera.model,
                shutter_lag_s=camera.shutter_lag_s,
                readout_s=camera.readout_s,
                processing_s=camera.processing_s,
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
