"""What faults of a rail do to a run: ``python -m benchmarks.rail_faults``.

Random plans are shot by the production runner with the production drivers on simulated rails that fail by a
seeded schedule: lost steps, stalls, worn screws, noise on the line, late answers, resets, ports that come
back under another name, power loss. The camera is a stub that looks whether the carriage moved while its
shutter was open; nothing is rendered. One plan in ten leaves the limits, built by hand past every check but
the driver's. After a fault the operator says where the carriage stands, and the run is resumed.

Exit code 1 when a motion beyond the limits was commanded, a frame was taken while moving, or a run ended
neither finished nor resumable nor refused with a reason. What planted losses of steps add to a position is
not commanded, and no controller without an encoder can know of it.

Noise on the way to a plain GRBL or grblHAL is left out unless ``--noise-to-grbl``: their lines have no
checksum, so that a lost decimal point is another target, which only limits of the controller's own can
refuse. ``grbl-homed`` has them, and noise both ways; so have those whose frames carry a CRC or a sum. Zaber's
commands, as the library sends them here, do not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from hardware_sims.rails.faults import RailFaultOrder, RailMisbehaviour

from benchmarks.simulated_rails import KINDS, LOW_MM, SPAN_MM, STEPS_PER_MM, Rail, add_rails
from rig.axes.base import CanLock, FocusAxis, PositionTrust
from rig.axes.motion import Approach, Approached
from rig.cameras.base import CameraHealth, CapturedFile, Shot
from rig.errors import HardwareError, LimitError, PositionUnknownError, RigError
from rig.events import EventBus
from rig.runner import Runner, RunSettings
from rig.session import Session

_HIGH_MM = LOW_MM + SPAN_MM
_SCALE = 200.0
_EVERY_MOVES = 3.0
_SHUTTER_S, _SETTLE_S = 0.05, 0.1
_TOLERANCE_MM = 2.0 / STEPS_PER_MM
"""A report has three decimals: a reference taken from one is up to two microsteps off."""
_RESUMES = 3
_ILLEGAL = 0.1
_CHECKED = frozenset({"grbl-homed", "wemacro", "mjkzz", "trinamic"})
"""Rails that a damaged command cannot lead out of the limits: by checksums, or by limits of their own."""

_MECHANICS = [
    {"kind": "lost_steps", "um": 40},
    {"kind": "stall"},
    {"kind": "backlash", "um": 60},
]
_BOARD = [
    {"kind": "slow_answers", "seconds": 0.2, "count": 2},
    {"kind": "reset"},
    {"kind": "vanish", "seconds": 0.05},
    {"kind": "power_loss", "seconds": 10.0},
]
_TO_HOST = [{"kind": "flipped_bytes"}, {"kind": "dropped_bytes"}]
_TO_RAIL = [{"kind": kind, "to": "rail"} for kind in ("flipped_bytes", "dropped_bytes")]


class _Camera:
    """Looks whether the carriage moves while the shutter is open."""

    def __init__(self, rail: Rail) -> None:
        self._rail = rail
        self.frames = self.moving = 0

    def health(self) -> CameraHealth:
        return CameraHealth()

    def fire(self) -> Shot:
        clock = self._rail.clock
        opened = clock.now()
        clock.sleep(_SHUTTER_S)
        instants = [opened + _SHUTTER_S * part / 8 for part in range(9)]
        self.frames += 1
        self.moving += any(self._rail.carriage.speed_mm_s(t) != 0.0 for t in instants)
        return Shot(self.frames, self._rail.rig_clock.now(), datetime.now().astimezone().isoformat())

    def collect(self, shot: Shot, directory: Path) -> tuple[CapturedFile, ...]:
        data = b"frame %d" % shot.number
        path = directory / f"{shot.number}.part"
        path.write_bytes(data)
        return (CapturedFile(path, f"{shot.number}.JPG", len(data), hashlib.sha256(data).hexdigest()),)


class Worker:
    """Runs on one rail, until so many faults have happened.

    Attributes
    ----------
    counts : Counter
        How runs ended, frames, faults by kind, and what must not be.
    """

    def __init__(self, name: str, seed: int, folder: Path, *, noise_to_grbl: bool = False) -> None:
        kind = KINDS[name]
        both_ways = name in _CHECKED or (noise_to_grbl and name in {"grbl", "grblhal"})
        orders = _MECHANICS + _BOARD + _TO_HOST + (_TO_RAIL if both_ways else [])
        kinds = [RailFaultOrder.model_validate(order) for order in orders]
        self._draw = random.Random(seed)
        self._rail = Rail(kind, _SCALE, 6.0, RailMisbehaviour(every=_EVERY_MOVES, kinds=kinds, seed=seed))
        self._camera: Any = _Camera(self._rail)
        self._folder, self._stop = folder, threading.Event()
        self._allowed: tuple[float, float] | None = None
        self.counts: Counter[str] = Counter()
        self.said: list[str] = []

    def work(self, faults: int) -> None:
        """Shoot plans until so many faults have happened."""
        try:
            while len(self._rail.sim.schedule.happened) < faults:
                self._run()
        finally:
            self._rail.close()
            self._audit()
            self.counts["frames"] = self._camera.frames
            self.counts["frames taken while moving"] = self._camera.moving
            for _, _, order in self._rail.sim.schedule.happened:
                self.counts[f"fault {order.kind}"] += 1
                self.counts["faults"] += 1

    # --- the operator ---------------------------------------------------------------------------------

    def _audit(self) -> None:
        """Was anything commanded beyond the limits since the reference was set?"""
        commanded = self._rail.carriage.take_commanded()
        if commanded is None or self._allowed is None:
            return
        beyond = max(self._allowed[0] - commanded[0], commanded[1] - self._allowed[1])
        if beyond > _TOLERANCE_MM:
            self.counts["limit violations"] += 1
            self.said.append(f"{self._rail.kind.driver}: commanded {beyond:.4f} mm beyond the limits")

    def _referenced(self) -> FocusAxis:
        """Connect if need be, and say where the carriage stands, as often as it takes."""
        for _ in range(50):
            try:
                axis = self._rail.axis or self._rail.connect()
                if axis.position().trust is not PositionTrust.UNKNOWN:
                    return axis
                self._audit()
                self._allowed = None
                self._say_where(axis)
            except LimitError as err:
                self.said.append(f"a reference was refused: {err}")
            except HardwareError:
                self._rail.disconnect()
                time.sleep(0.05)
            else:
                return axis
        raise RuntimeError("the rail cannot be referenced any more")

    def _say_where(self, axis: FocusAxis) -> None:
        if isinstance(axis, CanLock) and axis.locked and not self._rail.kind.homed:
            axis.unlock()
        commanded_mm = self._rail.motor_mm - self._rail.carriage.lost_mm
        if self._rail.kind.homed:
            axis.home()
            self._rail.carriage.take_commanded()  # homing goes to the end of the rail, as it should
            self._allowed = LOW_MM, _HIGH_MM
            return
        here_mm = round(self._rail.motor_mm * STEPS_PER_MM) / STEPS_PER_MM
        here_mm = min(max(here_mm, LOW_MM), _HIGH_MM)  # turned back by hand, when losses have led it out
        axis.set_reference(here_mm)
        offset = here_mm - commanded_mm
        self._allowed = LOW_MM - offset, _HIGH_MM - offset

    # --- a run ----------------------------------------------------------------------------------------

    def _plan(self) -> tuple[tuple[float, ...], Approach]:
        draw = self._draw
        direction, step, frames = draw.choice((1, -1)), draw.uniform(0.01, 0.3), draw.randint(3, 12)
        approach = Approach(1 if direction > 0 else -1, draw.choice((0.0, draw.uniform(0.05, 0.3))))
        span = step * (frames - 1) + approach.run_up_mm
        start = draw.uniform(LOW_MM, _HIGH_MM - span) + (approach.run_up_mm if direction > 0 else span)
        if direction < 0:
            start -= approach.run_up_mm
        if draw.random() < _ILLEGAL:
            start += draw.choice((-1, 1)) * SPAN_MM
        return tuple(start + direction * step * i for i in range(frames)), approach

    def _run(self) -> None:
        stops, approach = self._plan()
        self.counts["runs"] += 1
        with Session.create(self._folder, "run", simulated=True) as session:
            for attempt in range(1 + _RESUMES):
                end = self._attempt(session, stops, approach)
                self.counts["resumed"] += attempt > 0
                if end != "resumable":
                    break
        self.counts[end] += 1

    def _attempt(self, session: Session, stops: Sequence[float], approach: Approach) -> str:
        axis = self._referenced()
        runner = Runner(
            stops=tuple(stops),
            axis=axis,
            camera=self._camera,
            approach=Approached(axis, approach).move_to,
            session=session,
            bus=EventBus(),
            clock=self._rail.rig_clock,
            settings=RunSettings(settle_s=lambda _distance: _SETTLE_S, return_to_start=False),
            stop=self._stop,
        )
        try:
            runner.run()
        except LimitError as err:
            return "refused" if str(err) else "ended wrongly"
        except RigError as err:
            if not str(err) or runner.state.next_index() is None:
                return "ended wrongly"
            self._check_it_stays_put(axis)
            return "resumable"
        except Exception:  # noqa: BLE001  (a fault of ours is what is looked for)
            self.said.append(traceback.format_exc())
            return "ended wrongly"
        return "finished"

    def _check_it_stays_put(self, axis: FocusAxis) -> None:
        """After a fault that cost the position, nothing is moved before it is known."""
        try:
            if axis.position().trust is not PositionTrust.UNKNOWN:
                return
            axis.move_to(LOW_MM + SPAN_MM / 2)
        except (PositionUnknownError, HardwareError):
            return
        self.counts["moved from an unknown position"] += 1


def work(name: str, faults: int, seed: int, noise_to_grbl: bool) -> tuple[str, Counter[str], list[str]]:
    """One process."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        worker = Worker(name, seed, Path(folder), noise_to_grbl=noise_to_grbl)
        worker.work(faults)
        return name, worker.counts, worker.said


MUST_NOT = (
    "limit violations",
    "frames taken while moving",
    "ended wrongly",
    "moved from an unknown position",
)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_rails(parser)
    parser.add_argument("--faults", type=int, default=10_000, help="over all rails (10000)")
    parser.add_argument("--workers", type=int, default=8, help="processes (8); they mostly wait")
    parser.add_argument("--seed", type=int, default=6, help="of plans and faults (6)")
    parser.add_argument("--noise-to-grbl", action="store_true", help="damage what a plain GRBL is sent, too")
    args = parser.parse_args()
    names = args.rail or list(KINDS)
    started = time.monotonic()
    shares = [names[i % len(names)] for i in range(max(args.workers, len(names)))]
    each = -(-args.faults // len(shares))
    totals: dict[str, Counter[str]] = {name: Counter() for name in names}
    said: list[str] = []
    with ProcessPoolExecutor(len(shares)) as pool:
        seeds = [1000 * args.seed + i for i in range(len(shares))]
        noise = [args.noise_to_grbl] * len(shares)
        for name, counts, words in pool.map(work, shares, [each] * len(shares), seeds, noise):
            totals[name] += counts
            said += words
    for name, counts in totals.items():
        print(_text(name, counts), flush=True)
    total = sum(totals.values(), Counter())
    print(_text("all", total))
    for words in said[:20]:
        print(words)
    print(f"{time.monotonic() - started:.0f} s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 0 if not any(total[what] for what in MUST_NOT) else 1


def _text(name: str, counts: Counter[str]) -> str:
    kinds = ", ".join(f"{k[6:]} {n}" for k, n in sorted(counts.items()) if k.startswith("fault "))
    runs = (
        f"  {counts['runs']} runs: {counts['finished']} finished, {counts['resumable']} left resumable, "
        f"{counts['refused']} refused; resumed {counts['resumed']} times; {counts['frames']} frames"
    )
    rest = [f"  {what}: {counts[what]}" for what in MUST_NOT]
    return "\n".join([f"{name}: {counts['faults']} faults ({kinds})", runs, *rest])


if __name__ == "__main__":
    raise SystemExit(main())
