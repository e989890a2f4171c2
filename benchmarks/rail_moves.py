"""Is motion over when a driver says so, and exact? ``python -m benchmarks.rail_moves``.

Random moves, from one microstep to some millimetres, on every simulated controller. When `move_to` returns,
the true carriage has to stand still, for good, on the microstep that was asked for; the time beyond that of a
trapezoid of speed is what the conversation costs. Exit code 1 when a report was wrong, a microstep is
missing, or GRBL takes over 10 % + 30 ms a move more than the trapezoid.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from benchmarks.simulated_rails import KINDS, LOW_MM, SPAN_MM, STEPS_PER_MM, Rail, add_rails

_SHARE, _EACH_S = 0.10, 0.030
_LONGEST_MM = 3.0
_SLOW_MM = 0.6
"""Of a rail that is slow: the benchmark should end."""


@dataclass(frozen=True)
class Found:
    """What the moves of one rail were like; times in real seconds, errors in microsteps."""

    rail: str
    scale: float
    wrong: int
    final_error: int
    worst_error: int
    least_s: list[float]
    taken_s: list[float]

    @property
    def over_s(self) -> float:
        """Time beyond the trapezoid, over all moves."""
        return sum(self.taken_s) - sum(self.least_s)

    @property
    def fast_enough(self) -> bool:
        """Whether that is within what is allowed."""
        return self.over_s <= _SHARE * sum(self.least_s) + _EACH_S * len(self.taken_s)

    @property
    def text(self) -> str:
        """For people."""
        over = sorted(t - s for t, s in zip(self.taken_s, self.least_s, strict=True))
        moves, each_ms = len(over), 1e3 * self.over_s / len(over)
        median_ms, most_ms = 1e3 * statistics.median(over), 1e3 * over[int(0.9 * moves)]
        return (
            f"{self.rail}: {moves} moves, time scale {self.scale:g}\n"
            f"  wrong finish reports  {self.wrong}\n"
            f"  error at the end      {self.final_error} microsteps (worst of all {self.worst_error})\n"
            f"  trapezoidal minimum   {sum(self.least_s):.1f} s\n"
            f"  taken                 {sum(self.taken_s):.1f} s: {each_ms:.1f} ms a move more "
            f"(median {median_ms:.1f}, nine of ten under {most_ms:.1f})"
        )


def measure(name: str, moves: int, scale: float, seed: int) -> Found:
    """Move, and look at the truth after every move."""
    kind = KINDS[name]
    draw = random.Random(seed)
    rail = Rail(kind, scale, LOW_MM + 1.0)
    longest_mm = _LONGEST_MM if kind.speed_mm_s >= 1.0 else _SLOW_MM
    try:
        axis = rail.connect()
        if kind.homed:
            axis.home()
        else:
            axis.set_reference(LOW_MM + 1.0)
        at_mm, wrong, errors = axis.position().value, 0, []
        least_s, taken_s = [], []
        for _ in range(moves):
            by_mm = math.exp(draw.uniform(math.log(1 / STEPS_PER_MM), math.log(longest_mm)))
            to_mm = at_mm + draw.choice((-1, 1)) * by_mm
            if not LOW_MM <= to_mm <= LOW_MM + SPAN_MM:
                to_mm = 2 * at_mm - to_mm
            to_mm = round(to_mm * STEPS_PER_MM) / STEPS_PER_MM
            started = time.monotonic()
            axis.move_to(to_mm)
            now = rail.clock.now()
            taken_s.append(time.monotonic() - started)
            least_s.append(axis.move_time_s(to_mm - at_mm) / scale)
            error = round((rail.carriage.motor_mm(now) - to_mm) * STEPS_PER_MM)
            low, high = rail.carriage.reach_mm(now)  # what is planned from now on counts too
            wrong += rail.carriage.speed_mm_s(now) != 0.0 or high - low > 1e-9 or error != 0
            errors.append(error)
            at_mm = to_mm
        return Found(name, scale, wrong, errors[-1], max(map(abs, errors)), least_s, taken_s)
    finally:
        rail.close()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_rails(parser)
    parser.add_argument("--moves", type=int, default=1000, help="on each rail (1000)")
    parser.add_argument("--scale", type=float, default=1.0, help="bench seconds per real second (1)")
    parser.add_argument("--seed", type=int, default=6, help="of the moves (6)")
    args = parser.parse_args()
    good = True
    names = args.rail or list(KINDS)
    with ProcessPoolExecutor(len(names)) as workers:  # they wait for motors nearly all of the time
        for found in workers.map(
            measure, names, *([value] * len(names) for value in (args.moves, args.scale, args.seed))
        ):
            quick = found.fast_enough or found.rail not in {"grbl", "grbl-homed"}
            good &= found.wrong == 0 and found.final_error == 0 and quick
            print(found.text, flush=True)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
