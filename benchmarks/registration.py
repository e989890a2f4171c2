"""Measures how well frames are registered: ``python -m benchmarks.registration``.

Rail stacks are rendered by ``hardware_sims`` with parallax, so that each frame's true place is v/(v + Δ); the
long stack is a slanted textured plane moved by known similarities. Errors are in pixels of the frames: at the
corners, and over the zone that the frame has in focus (the 95th percentile there), since only that gets into
the picture.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
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

from stacker.registration.chain import Chain
from stacker.registration.rail import RailGeometry

__all__ = ["RailStack", "main"]

Array = np.ndarray[Any, np.dtype[Any]]
_SIZE = 1800, 1200
_FIRST_MM, _LAST_MM = -1.5, 33.5  # the subject reaches from 0 to 32: both ends are blurred
_F_NUMBER = 5.657
_SIGMAS = (0.0, 0.5, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6, 13.6)


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


def long_stack(
    count: int, size: tuple[int, int] = (1200, 800), seed: int = 1
) -> Iterator[tuple[Array, Array]]:
    """Frames of a slanted plane in thin slices, and their places in the view of the middle one."""
    rng = np.random.default_rng(seed)
    width, height = size
    margin = 110
    whole = (height + 2 * margin, width + 2 * margin)
    texture = np.zeros((*whole, 3), np.float32)
    for sigma in (0.8, 1.6, 4, 12, 40):
        part = cv2.GaussianBlur(rng.standard_normal((*whole, 3)).astype(np.float32), (0, 0), sigma)
        texture += part / part.std()
    texture = np.clip(115 + texture / 2.2 * 38, 5, 250)
    blurred = [texture, *(cv2.GaussianBlur(texture, (0, 0), sigma) for sigma in _SIGMAS[1:])]
    depth = np.linspace(0.02, 0.98, whole[0])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    for index in range(count):
        blur = np.minimum(np.abs(depth - index / (count - 1)) * 40, _SIGMAS[-1] - 0.01)
        at = np.searchsorted(_SIGMAS, blur, side="right") - 1
        share = ((blur - np.take(_SIGMAS, at)) / np.diff(_SIGMAS)[at]).astype(np.float32)[:, None, None]
        picture = np.empty_like(texture)
        for rung in np.unique(at):
            rows = at == rung
            picture[rows] = blurred[rung][rows] * (1 - share[rows]) + blurred[rung + 1][rows] * share[rows]
        moved = index != count // 2
        scale = 1 + 0.10 * (index - count // 2) / count
        turn = float(rng.normal(0, 2e-4)) * moved
        shift = rng.normal(0, 0.5, 2) * moved
        linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        place = np.hstack([linear, (centre - linear @ centre + shift)[:, None]])
        onto = place.copy()
        onto[:, 2] += margin
        seen = cv2.warpAffine(picture, onto, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        noisy = seen * (1 + rng.uniform(-0.01, 0.01)) + rng.standard_normal(seen.shape)
        yield np.rint(np.clip(noisy, 0, 255)).astype(np.uint8), np.vstack([place, [0, 0, 1]])


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
    known = RailGeometry(stack.pupil_mm, stack.positions_mm[middle])
    chain = Chain(geometry=known if knowledge == "positions and v" else None, width_px=width_px)
    at_corners, in_zone, spent = [], [], 0.0
    for index in outward(len(stack.frames)):
        if index == middle - 1:
            chain.rewind()
        position = None if knowledge == "nothing" else stack.positions_mm[index]
        started = time.process_time()
        found = chain.add(stack.frames[index], position).transform
        spent += time.process_time() - started
        at_corners.append(error_px(found, stack.truths[index], corners(_SIZE)).max())
        if len(stack.zones[index]) > 20:
            errors = error_px(found, stack.truths[index], stack.zones[index])
            in_zone.append(float(np.percentile(errors, 95)))
    fit = chain.pupil_fit()
    fitted = "" if fit is None else f"  v = {fit.pupil_distance_mm:.0f} ± {fit.standard_error_mm:.0f} mm"
    return (
        f"{np.median(in_zone):7.2f} {max(in_zone):7.2f} {np.median(at_corners):9.2f} {max(at_corners):7.2f}"
        f" {spent / len(stack.frames):8.3f}{fitted}"
    )


def measure_long(count: int) -> str:
    """Register the long stack outward from its middle and say how far it drifts."""
    stack = list(long_stack(count))
    chain, at_corners, spent = Chain(), np.zeros(count), 0.0
    for index in outward(count):
        if index == count // 2 - 1:
            chain.rewind()
        started = time.process_time()
        found = chain.add(stack[index][0]).transform
        spent += time.process_time() - started
        at_corners[index] = error_px(found, stack[index][1], corners((1200, 800))).max()
    inner = at_corners[count // 20 : count - count // 20]
    return (
        f"corners: median {np.median(at_corners):.3f} px, worst {at_corners.max():.3f} px "
        f"(without the outer twentieths {inner.max():.3f} px), {spent / count:.3f} CPU s a frame"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registration", description=__doc__)
    parser.add_argument("--scenes", nargs="*", default=list(SCENES), choices=SCENES)
    parser.add_argument("--pupil", nargs="*", type=float, default=[300.0, 140.0], metavar="MM")
    parser.add_argument("--frames", type=int, default=45, help="of each rail stack")
    parser.add_argument("--long", type=int, default=200, help="frames of the long stack; 0 for none")
    parser.add_argument("--width", type=int, default=1000, help="of the pictures that are matched")
    settings = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    print("scene        v/mm  known             zone: median  worst  corners: median  worst  CPU s/frame")
    for scene in settings.scenes:
        for pupil in settings.pupil:
            stack = rail_stack(scene, pupil, settings.frames)
            for knowledge in ("nothing", "positions", "positions and v"):
                told = measure_rail(stack, knowledge, settings.width)
                print(f"{scene:12s} {pupil:4.0f}  {knowledge:16s}  {told}", flush=True)
    if settings.long:
        print(f"{settings.long} frames end to end: {measure_long(settings.long)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
