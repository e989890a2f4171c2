"""The calibrations of how the rail moves: backlash and settling, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rig.calibrate.backlash import BacklashMeasurement, SidedSweep, measure_backlash
from rig.calibrate.capture import Capture
from rig.calibrate.focus import band_energy
from rig.calibrate.follow import frame_shift
from rig.calibrate.frames import TakenFrame
from rig.calibrate.images import Array, Picture, read_picture
from rig.calibrate.jobs import json_number, read_band, sweep_plan
from rig.calibrate.outcome import Calibrated
from rig.calibrate.records import BacklashRecord, FrameHash, SettleRecord
from rig.calibrate.settle import Pair, SettleMeasurement, measure_settle, shift_text
from rig.calibrate.sweep import Sweep, refuse_burnt
from rig.calibrate.task import Task
from rig.errors import DataError, UserError
from rig.formatting import format_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DEFAULT_TOLERANCE_PX", "calibrate_backlash", "calibrate_settle"]

_REACH, _STEPS = 1.4, 7
"""Depths of field to each side of focus, and frames in each: the flanks tell the place."""

DEFAULT_TOLERANCE_PX = 0.2
"""Shift and smear of a fifth of a pixel cannot be seen beside the pixel itself."""

_WAITS_S = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 2.2)
_REPEATS = 2
_REST_S = 3.0
_MOVE_MM = 0.5
_CROP_PX = 1536
_BAND = 0.2  # cycles per pixel: fine detail, in which a smear of half a pixel already shows


def calibrate_backlash(
    task: Task, *, start_mm: float | None = None, end_mm: float | None = None, step_mm: float | None = None
) -> Calibrated:
    """Measure the play of the rail from sweeps inwards, outwards and inwards again.

    Parameters
    ----------
    task : Task
        On the rig, or with the session of such a measurement.
    start_mm, end_mm, step_mm : float, optional
        The sweeps; by default a little over one predicted depth of field to each side.

    Raises
    ------
    RigError
        When the frames cannot be taken or do not show the play; the message says what to do.
    """
    frames = task.images
    run_up_mm = None
    if not frames:
        plan = sweep_plan(task, start_mm, end_mm, step_mm, reach=_REACH, steps=_STEPS)
        run_up_mm = plan.run_up_mm
        with task.capture("backlash", plan, 3 * plan.frames, target="texture", both_sides=True) as rig:
            positions = plan.positions_mm
            frames = (
                *rig.sweep(positions, side=1, turn=0),
                *rig.sweep(positions[::-1], direction=-1, side=-1, turn=1),
                *rig.sweep(positions, side=1, turn=2),
            )
    sweeps = [read_band(task, part) for part in _turns(frames)]
    measured = measure_backlash(*(SidedSweep(s.positions_mm, s.energy) for s in sweeps), run_up_mm=run_up_mm)
    record = BacklashRecord(
        backlash_mm=measured.backlash_mm,
        backlash_sigma_mm=measured.sigma_mm,
        **task.common([f for s in sweeps for f in s.frames], simulated=sweeps[0].simulated),
    )
    return Calibrated(
        rows=tuple(_backlash_rows(measured, sweeps)),
        record=record,
        details={"drift_mm": measured.drift_mm, "run_up_mm": run_up_mm},
        warnings=measured.warnings,
        draw=lambda axes: _draw_backlash(axes, measured),
    )


def _turns(frames: Sequence[TakenFrame]) -> list[list[TakenFrame]]:
    """The frames of each sweep, by what the journal says of them."""
    turns: dict[int, list[TakenFrame]] = {}
    for frame in frames:
        if "side" not in frame.tags or "turn" not in frame.tags:
            raise UserError(
                f"{frame.path.name} does not say from which side its position was approached: backlash is "
                "measured from the session of a rig calibrate backlash, or on the rig"
            )
        turns.setdefault(int(frame.tags["turn"]), []).append(frame)
    sides = [turns[k][0].tags["side"] for k in sorted(turns)]
    if sides[:2] != [1, -1]:
        raise UserError("backlash needs a sweep from each side: this session was not finished, measure again")
    return [turns[k] for k in sorted(turns)][:3]


def _backlash_rows(measured: BacklashMeasurement, sweeps: list[Sweep]) -> list[tuple[str, str]]:
    value = f"{measured.backlash_mm * 1000:.2f} ± {max(measured.sigma_mm * 1000, 0.01):.2f} µm"
    x = sweeps[0].positions_mm
    travel = f"{len(x)} positions from {x[0]:.4f} mm to {x[-1]:.4f} mm"
    rows = [("backlash", value), ("sweeps", f"{len(sweeps)}, approached from both sides, {travel}")]
    if len(sweeps) > 2:
        rows.append(("drift", f"{measured.drift_mm * 1000:+.2f} µm from the first to the last sweep"))
    return rows


def _draw_backlash(axes: Axes, measured: BacklashMeasurement) -> None:
    from rig.plots.canvas import ACCENT, GUIDE, SECOND

    looks = (
        (ACCENT, "o-", "towards the subject"),
        (SECOND, "o-", "away from it"),
        (GUIDE, "--", "towards it again"),
    )
    for (x, contrast), (colour, line, label) in zip(measured.curves, looks, strict=False):
        axes.plot(x, contrast, line, ms=3, color=colour, label=label)
    axes.set_xlabel("commanded position (mm)")
    axes.set_ylabel("contrast")
    axes.legend(title=f"displaced by {format_length(measured.backlash_mm)}")


def calibrate_settle(task: Task, *, tolerance_px: float = DEFAULT_TOLERANCE_PX) -> Calibrated:
    """Measure how long to wait after a move, from pairs of frames at growing waits.

    Parameters
    ----------
    task : Task
        On the rig, or with the session of such a measurement.
    tolerance_px : float
        Shift that does not matter, px, above 0.

    Raises
    ------
    RigError
        When the frames cannot be taken, have no texture, or never come to rest.
    """
    if not tolerance_px > 0:
        raise UserError(f"--tolerance: {tolerance_px:g} px is not above 0; write for instance 0.2")
    frames = task.images
    if not frames:
        here_mm = task.here_mm
        away_mm = max(_MOVE_MM, task.config.rail.backlash_mm)
        plan = task.plan(here_mm - away_mm, here_mm, frames=2)
        count = 2 * _REPEATS * len(_WAITS_S)
        with task.capture("settle", plan, count, target="texture") as rig:
            frames = tuple(_shake(rig, here_mm - away_mm, here_mm))
    pairs, hashes, simulated = _compared(task, frames)
    measured = measure_settle(pairs, tolerance_px)
    record = SettleRecord(
        settle_s=measured.settle_s,
        tolerance_px=tolerance_px,
        **task.common(hashes, simulated=simulated),
    )
    return Calibrated(
        rows=tuple(_settle_rows(measured)),
        record=record,
        details={
            "decay_s": measured.decay_s,
            "shaking_s": measured.shaking_s,
            "pairs": [
                {"wait_s": p.wait_s, "shift_px": json_number(p.shift_px), "sharpness": p.sharpness}
                for p in measured.pairs
            ],
        },
        warnings=measured.warnings,
        draw=lambda axes: _draw_settle(axes, measured),
    )


def _shake(rig: Capture, away_mm: float, here_mm: float) -> list[TakenFrame]:
    """Move in, wait, take a frame; let all come to rest, and take another."""
    taken = []
    for _ in range(_REPEATS):
        for wait_s in _WAITS_S:
            rig.move(away_mm)
            reached_mm = rig.move(here_mm)
            rig.wait(wait_s)
            taken.append(rig.take(reached_mm, wait_s=wait_s))
            rig.wait(_REST_S)
            taken.append(rig.take(reached_mm, wait_s=None))
    return taken


def _compared(task: Task, frames: Sequence[TakenFrame]) -> tuple[list[Pair], list[FrameHash], bool]:
    if len(frames) % 2 or any("wait_s" not in f.tags for f in frames):
        raise UserError(
            "these frames are not pairs taken after a move: the settle time is measured from the session of "
            "a rig calibrate settle, or on the rig"
        )
    pairs, hashes, simulated = [], [], False
    for soon, rest in zip(frames[::2], frames[1::2], strict=True):
        a, b = (read_picture(f.path, linear=task.linear) for f in (soon, rest))
        simulated = simulated or a.simulated
        for picture in (a, b):
            refuse_burnt(picture, task.region)
            hashes.append(FrameHash(file=picture.name, sha256=picture.sha256))
        if soon.tags["wait_s"] is None or rest.tags["wait_s"] is not None:
            raise UserError(
                f"{soon.path.name} and {rest.path.name} are not a frame after a move and the one at rest "
                "that follows it: give the folder of the session, so that no frame is missing"
            )
        pairs.append(_pair(float(soon.tags["wait_s"]), _middle(task, a), _middle(task, b)))
    if not any(np.isfinite(pair.shift_px) for pair in pairs):
        raise DataError(
            "the picture cannot be followed from frame to frame: use a target with fine texture all over, "
            "such as a banknote or sandpaper, in focus, at low ISO"
        )
    return pairs, hashes, simulated


def _middle(task: Task, picture: Picture) -> Array:
    """The middle of a frame at full size, square-root tones."""
    part = task.region.of(picture.light)
    rows, columns = (min(size, _CROP_PX) for size in part.shape)
    top, left = (part.shape[0] - rows) // 2, (part.shape[1] - columns) // 2
    return np.asarray(np.sqrt(part[top : top + rows, left : left + columns]), dtype=np.float32)


def _pair(wait_s: float, soon: Array, rest: Array) -> Pair:
    tile = max(32, min(256, min(soon.shape) // 2))
    energies = [float(band_energy(light, _BAND, tile).mean()) for light in (soon, rest)]
    grey_soon, grey_rest = (np.asarray(light * 255 + 0.5, dtype=np.uint8) for light in (soon, rest))
    shift = frame_shift(grey_rest, grey_soon)
    moved_px = float("inf") if shift is None else float(np.hypot(*shift))  # smeared: it shakes too much
    return Pair(wait_s, moved_px, float(np.sqrt(energies[0] / max(energies[1], 1e-12))))


def _settle_rows(measured: SettleMeasurement) -> list[tuple[str, str]]:
    shaken = [p for p in measured.pairs if p.wait_s == measured.pairs[0].wait_s]
    worst = max(p.shift_px for p in shaken)
    rows = [
        ("settle time", f"{measured.settle_s:.2f} s (to within {measured.tolerance_px:g} px)"),
        (
            "right after a move",
            f"{shift_text(worst)}, sharpness {shaken[0].sharpness:.0%} of rest",
        ),
    ]
    if measured.shaking_s is not None:
        rows.append(("still shaking after", f"{measured.shaking_s:.2f} s"))
    if measured.decay_s is not None:
        rows.append(("shake dies away in", f"about {measured.decay_s:.2f} s (to 1/e)"))
    rows.append(("pairs", str(len(measured.pairs))))
    return rows


def _draw_settle(axes: Axes, measured: SettleMeasurement) -> None:
    from rig.plots.canvas import ACCENT, GUIDE, SECOND

    seen = [p for p in measured.pairs if np.isfinite(p.shift_px)]
    waits = [p.wait_s for p in seen]
    axes.plot(waits, [max(p.shift_px, 1e-3) for p in seen], "o", color=ACCENT, ms=4, label="shift")
    axes.axhline(measured.tolerance_px, color=GUIDE, lw=0.8)
    axes.axvline(measured.settle_s, color=SECOND, label=f"settle {measured.settle_s:.2f} s")
    axes.set_yscale("log")
    axes.set_xlabel("wait after the move (s)")
    axes.set_ylabel("shift from rest (px)")
    axes.legend()
