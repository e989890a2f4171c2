"""What live view tells of a lens drive: ``python -m benchmarks.lens_drive``.

The bench's live view is looked at before and after steps of known size, and while nothing moves. Printed is
the evidence (`rig.lens_drive.focus_change.FocusChange`) that a watch judges by: the lowest tenth and the
median over steps, the median and the highest over still pictures, and how often each was judged rightly with
32 frames.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from hardware_sims.bench import Bench, Order
from hardware_sims.live import LiveRenderer, Sight

from rig.lens_drive.focus_change import Look, focus_change, grey_frame

_SURE = 24.0  # what rig.lens_drive.focus_watch calls certain
_BEFORE = 16
_POOL = 160


class View:
    """Live view of a bench, at any focus."""

    def __init__(self, width_px: int, scene: str, f_number: float) -> None:
        order = {
            "simulator": {
                "scene": scene,
                "pixels": [width_px, round(width_px * 2 / 3)],
                "depth": 12.0,
                "focus": {"near": "2 mm", "far": "-6 mm"},
            },
            "lens": {"f_number": 5.657, "effective_f_number": 11.31},
            "camera": {"model": "ILCE-7RM5"},
        }
        self.bench = Bench(Order.read(order))
        world = self.bench.world
        self._lens, self._f_number = world.lens, f_number
        self._live = LiveRenderer(world.renderer, world.lens)
        while self._live.frame(self._sight(0.0)) is None:
            time.sleep(0.05)

    def _sight(self, extension_mm: float) -> Sight:
        return Sight(0.0, self._lens.focused(extension_mm).stopped_to(self._f_number), 1.0)

    def frames(self, extension_mm: float, count: int) -> list[Any]:
        """So many frames, in grey."""
        sight = self._sight(extension_mm)
        return [grey_frame(self._live.frame(sight) or b"") for _ in range(count)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", default="statue")
    parser.add_argument("--pairs", type=int, default=100, help="of looks, for each line")
    parser.add_argument("--steps-um", type=float, nargs="+", default=[5.0, 10.0, 20.0, 30.0, 50.0, 100.0])
    parser.add_argument("--widths-px", type=int, nargs="+", default=[240, 1024])
    args = parser.parse_args()
    random = np.random.default_rng(1)
    print(f"{'width px':>9}{'focused at mm':>15}{'step µm':>9}{'frames':>8}{'low':>8}{'median':>8}", end="")
    print(f"{'high':>8}{'seen':>7}")
    for width_px in args.widths_px:
        view = View(width_px, args.scene, 2.83)
        for base_mm in (0.0, -1.0):
            still = view.frames(base_mm, 2 * _POOL)
            for step_um in (0.0, *args.steps_um):
                moved = view.frames(base_mm - step_um / 1000, _POOL) if step_um else still[_POOL:]
                for count in (4, 8, 16, 32):
                    evidence = [
                        focus_change(_drawn(random, still[:_POOL], _BEFORE), _drawn(random, moved, count))
                        for _ in range(args.pairs)
                    ]
                    found = np.array([change.evidence for change in evidence])
                    low, median = np.quantile(found, [0.1, 0.5])
                    print(
                        f"{width_px:>9}{base_mm:>15g}{step_um:>9g}{count:>8}{low:>8.1f}{median:>8.1f}"
                        f"{found.max():>8.1f}{np.mean(found > _SURE):>7.0%}",
                        flush=True,
                    )
        view.bench.close()


def _drawn(random: np.random.Generator, frames: list[Any], count: int) -> Look:
    return Look.of([frames[k] for k in random.permutation(len(frames))[:count]])


if __name__ == "__main__":
    main()
