"""Measures how well frames are registered: ``python -m benchmarks.registration``.

Planes (`benchmarks.planes`) are moved by known similarities, with one difficulty each; the long stack is one
of them. Rail stacks are rendered by ``hardware_sims`` with parallax, so that each frame's true place is
v/(v + Δ). Errors are in pixels of the frames: at the corners, and over the zone that the frame has in focus,
since only that gets into the picture. On planes the zone's figures are of all its places; on a rail, where a
zone is as deep as a step and parallax within it is no error of registration, of the 95th percentile of each
frame's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from hardware_sims.clock import SimClock
from hardware_sims.light import Light
from hardware_sims.optics import SimLens
from hardware_sims.render import Viewpoint
from hardware_sims.scenes import SCENES, make_scene
from hardware_sims.sensor import Sensor
from hardware_sims.truth import Truth
from hardware_sims.world import World

from benchmarks.planes import Overlay, Plane, Surface, plane_frames
from stacker.registration.chain import Chain, Registration
from stacker.registration.rail import RailGeometry

__all__ = ["RailStack", "main"]

Array = np.ndarray[Any, np.dtype[Any]]
_SIZE = 1800, 1200
_FIRST_MM, _LAST_MM = -1.5, 33.5  # the subject reaches from 0 to 32: both ends are blurred
_F_NUMBER = 5.657
_LEAST_ZONE = 20  # places on the grid: fewer say nothing of a frame
_SMALL, _LARGE, _TWO_MP = (640, 427), (2000, 1333), (1800, 1200)
DIFFICULTIES = {
    "texture, 2 MP, seed 1": Plane(count=30, size=_TWO_MP, blur_px=40.0),
    "texture, 2 MP, seed 2": Plane(count=30, size=_TWO_MP, blur_px=40.0, seed=2),
    "texture, 2 MP, seed 3": Plane(count=30, size=_TWO_MP, blur_px=40.0, seed=3),
    "nearly all blurred at both ends": Plane(count=31, beyond=0.25, blur_px=40.0),
    "the same, shaken by hand": Plane(count=31, beyond=0.25, blur_px=40.0, jitter_px=5.0, jitter_rad=2e-3),
    "plain background": Plane(surface=Surface.ISLAND),
    "texture that repeats itself": Plane(surface=Surface.TILES),
    "highlights that wander": Plane(highlights=True),
    "noise of 8/255": Plane(noise=8.0),
    "20 % size change": Plane(growth=0.2),
    "20 % size change in 10 frames": Plane(growth=0.2, count=10),
    "3 % flicker": Plane(flicker=0.03),
    "bump of 50 px, 640 px wide": Plane(size=_SMALL, bump=(10, 50)),
    "bump of 50 px, 1500 px wide": Plane(bump=(10, 50)),
    "bump of 50 px, 2000 px wide": Plane(size=_LARGE, bump=(10, 50)),
    "the same at three quarters": Plane(size=_LARGE, bump=(15, 50)),
    "bump on a plain background": Plane(surface=Surface.ISLAND, bump=(10, 50)),
    "shaken by hand": Plane(jitter_px=5.0, jitter_rad=2e-3),
    "a black frame": Plane(black=14),
    "a line of writing": Plane(overlay=Overlay.STAMP),
    "a black border": Plane(overlay=Overlay.BORDER),
    "seen through an eyepiece": Plane(overlay=Overlay.WINDOW),
    "dust on a plain background": Plane(surface=Surface.ISLAND, overlay=Overlay.DUST),
}


@dataclass
class _Carriage:
    """Stands where it is put."""

    at_mm: float = 0.0

    def position_mm(self, t_s: float, /) -> float:  # noqa: ARG002 - the same at any time
        """Where it stands."""
        return self.at_mm

    def vibration_um(self, t_s: float, /) -> tuple[float, float]:  # noqa: ARG002 - the same at any time
        """No shake."""
        return 0.0, 0.0


@dataclass(frozen=True)
class RailStack:
    """Frames of a scene on a rail.

    Attributes
    ----------
    pupil_mm : float
        Entrance pupil to plane of focus.
    positions_mm : list of float
        Of the frames.
    frames : list of ndarray
        RGB, uint8.
    truths : list of ndarray, shape (3, 3)
        Frame to the middle frame's view, for what the frame has in focus.
    zones : list of ndarray, shape (n, 2)
        Places in each frame that are in focus: within a step of its plane.
    """

    pupil_mm: float
    positions_mm: list[float]
    frames: list[Array]
    truths: list[Array]
    zones: list[Array]


def rail_stack(scene: str, pupil_mm: float, count: int) -> RailStack:
    """Render a stack."""
    carriage = _Carriage()
    lens = SimLens(1.0, 2 * _F_NUMBER, _F_NUMBER, pupil_mm)
    world = World(
        make_scene(scene), lens, Sensor(*_SIZE, 20.0), Light(0.01, _F_NUMBER, 100), carriage, SimClock()
    )
    positions = [float(at) for at in np.linspace(_FIRST_MM, _LAST_MM, count)]
    step = positions[1] - positions[0]
    truth = Truth(world, positions[count // 2])
    frames, truths, zones = [], [], []
    for carriage.at_mm in positions:
        jpeg = world.expose(0, 0.01, _F_NUMBER, 100).jpeg
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        frames.append(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))
        truths.append(np.vstack([truth.similarity(carriage.at_mm), [0, 0, 1]]))
        depth = world.renderer.depth_mm(Viewpoint(carriage.at_mm), _F_NUMBER)[::10, ::10]
        rows, columns = np.nonzero(np.abs(depth - carriage.at_mm) <= step)
        zones.append(np.stack([columns, rows], axis=1) * 10.0)
    world.close()
    return RailStack(pupil_mm, positions, frames, truths, zones)


def outward(count: int) -> list[int]:
    """The order in which folders are registered."""
    return [*range(count // 2, count), *range(count // 2 - 1, -1, -1)]


def error_px(found: Array, true: Array, points: Array) -> Array:
    """How far points lie from where they should."""
    whole = np.hstack([points, np.ones((len(points), 1))])
    return np.asarray(np.linalg.norm(((found - true) @ whole.T)[:2], axis=0))


def corners(size: tuple[int, int]) -> Array:
    """Of a frame."""
    return np.array([[0, 0], [size[0], 0], [0, size[1]], [size[0], size[1]]], float)


def measure_rail(stack: RailStack, knowledge: str, width_px: int) -> str:
    """Register a stack and say how well; knowledge is ``nothing``, ``positions`` or ``positions and v``."""
    middle = len(stack.frames) // 2
    positions: Sequence[float | None] = [None] * len(stack.frames)
    if knowledge != "nothing":
        positions = stack.positions_mm
    known = RailGeometry(stack.pupil_mm, stack.positions_mm[middle])
    chain = Chain(geometry=known if knowledge == "positions and v" else None, width_px=width_px)
    found, spent = placed(stack.frames, chain, positions)
    at_corners, in_zone = [], []
    for index, one in found.items():
        at_corners.append(error_px(one.transform, stack.truths[index], corners(_SIZE)).max())
        if len(stack.zones[index]) > _LEAST_ZONE:
            errors = error_px(one.transform, stack.truths[index], stack.zones[index])
            in_zone.append(float(np.percentile(errors, 95)))
    fit = chain.pupil_fit()
    fitted = "" if fit is None else f"  v = {fit.pupil_distance_mm:.0f} ± {fit.standard_error_mm:.0f} mm"
    return (
        f"{np.median(in_zone):7.2f} {max(in_zone):7.2f} {np.median(at_corners):9.2f} {max(at_corners):7.2f}"
        f" {spent:8.3f}{fitted}"
    )


def placed(
    frames: Sequence[Array], chain: Chain, positions_mm: Sequence[float | None]
) -> tuple[dict[int, Registration], float]:
    """Register a stack from its middle outward, as folders are; CPU seconds a frame."""
    found, spent, held = dict[int, Registration](), 0.0, None
    for index in outward(len(frames)):
        if index == len(frames) // 2 - 1:
            chain.rewind()
        started = time.process_time()
        found[index] = chain.add(frames[index], positions_mm[index])
        spent += time.process_time() - started
        for better in chain.revised():
            assert held is not None
            found[held] = better
        held = None if found[index].registered else index
    return found, spent / len(frames)


def measure_plane(plane: Plane, width_px: int) -> str:
    """Register a plane and say how well."""
    stack = list(plane_frames(plane))
    frames, nowhere = [frame.pixels for frame in stack], [None] * len(stack)
    chain = Chain(width_px=width_px)
    found, spent = placed(frames, chain, nowhere)
    if chain.hindsight is not None:  # a folder is begun again
        found, more = placed(frames, Chain(width_px=width_px, known=chain.hindsight), nowhere)
        spent += more
    at_corners, in_zone = [], []
    for index, frame in enumerate(stack):
        transform = found[index].transform
        at_corners.append(error_px(transform, frame.place, corners(plane.size)).max())
        if len(frame.zone) > _LEAST_ZONE:
            in_zone.append(error_px(transform, frame.place, frame.zone))
    lost = [index for index, one in sorted(found.items()) if not one.registered]
    return (
        f"{np.median(np.concatenate(in_zone)):7.3f} {max(one.max() for one in in_zone):7.3f}"
        f" {np.median(at_corners):9.3f} {max(at_corners):7.3f} {spent:8.3f}"
        + (f"  not matched: {', '.join(map(str, lost))}" if lost else "")
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registration", description=__doc__)
    parser.add_argument("--planes", nargs="*", default=list(DIFFICULTIES), choices=DIFFICULTIES)
    parser.add_argument("--scenes", nargs="*", default=list(SCENES), choices=SCENES)
    parser.add_argument("--pupil", nargs="*", type=float, default=[300.0, 140.0], metavar="MM")
    parser.add_argument("--frames", type=int, default=45, help="of each rail stack")
    parser.add_argument("--long", type=int, default=200, help="frames of the long stack; 0 for none")
    parser.add_argument("--width", type=int, default=1000, help="of the pictures that are matched")
    settings = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    planes = {name: DIFFICULTIES[name] for name in settings.planes}
    if settings.long:
        planes[f"{settings.long} frames end to end"] = Plane(
            count=settings.long, size=(1200, 800), growth=0.1, blur_px=40.0
        )
    if planes:
        print(f"{'plane':33s} zone: median  worst  corners: median  worst  CPU s/frame")
    for name, plane in planes.items():
        print(f"{name:33s}   {measure_plane(plane, settings.width)}", flush=True)
    if settings.scenes:
        print(
            "scene        v/mm  known       95 % of zone: median  worst  corners: median  worst  CPU s/frame"
        )
    for scene in settings.scenes:
        for pupil in settings.pupil:
            stack = rail_stack(scene, pupil, settings.frames)
            for knowledge in ("nothing", "positions", "positions and v"):
                told = measure_rail(stack, knowledge, settings.width)
                print(f"{scene:12s} {pupil:4.0f}  {knowledge:16s}  {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
