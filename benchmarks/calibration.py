"""Every ``rig calibrate`` command on the simulated bench, against what the bench truly is.

Each row is one run of the installed command: rail and camera driven over their protocols, frames as JPEG with
the noise of a real sensor, the value as the command prints it. The truth comes from the simulator alone: its
lens and rail as ordered, and for the depth of field its own wave optics.

    python -m benchmarks.calibration            # all, some ten minutes
    python -m benchmarks.calibration dof pupil  # these
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Row", "main", "rows"]

PITCH_MM = 0.00376
PIXELS = (600, 400)
F_NUMBERS = (4.0, 5.657, 8.0, 11.31, 16.0, 22.63, 32.0)

_CONFIG = """\
[rail]
driver = "grbl"
pitch = "1 mm"
speed = "2 mm/s"
acceleration = "{acceleration_mm_s2} mm/s^2"
limits = ["-5 mm", "60 mm"]
backlash = "0.2 mm"
towards_subject = "+"

[camera]
model = "ILCE-7RM5"
sensor_width = "{sensor_width_mm:.6f} mm"
pixels = [{width}, {height}]
shutter_lag = "50 ms"

[lens]
name = "bench"
magnification = {magnification}
focus_step = 2
focus_run_up = 12

[capture]
aperture = "f/{aperture}"
shutter = "{shutter}"
iso = {iso}
white_balance = "Daylight"
settle = "1 s"

[simulator]
pixels = [{width}, {height}]
time_scale = {time_scale}
target = "{target}"
backlash = "{backlash_um} um"
seed = 3
{focus}
[simulator.lens]
effective_f_number = {effective}
pupil_distance_mm = {pupil_mm}
magnification = {true_magnification}

[simulator.vibration]
decay_s = {decay_s}
"""

_BENCH: dict[str, Any] = {
    "acceleration_mm_s2": 50,
    "sensor_width_mm": PITCH_MM * PIXELS[0],
    "width": PIXELS[0],
    "height": PIXELS[1],
    "magnification": 1.0,
    "true_magnification": 1.0,
    "aperture": 5.6,
    "effective": 11.31,
    "pupil_mm": 300.0,
    "shutter": "1/8 s",
    "iso": 100,
    "time_scale": 20,
    "target": "texture",
    "backlash_um": 20,
    "decay_s": 0.15,
    "focus": "",
}


@dataclass(frozen=True)
class Row:
    """One run: what is measured, on which bench, and what it is in truth.

    Parameters
    ----------
    command : str
        Of ``rig calibrate``.
    what : str
        The set-up, for the table.
    truth : float
        In the unit of the row; infinite for a telecentric lens.
    unit : str
    key : str
        Where the command's answer has the value.
    factor : float
        From there to the unit.
    sigma_key : str
        Where it has the standard error; empty for none.
    options : tuple of str
        Further options of the command.
    bench : dict
        What is different on this bench.
    absolute : bool
        The error is a difference in the row's unit, not a share of the truth.
    """

    command: str
    what: str
    truth: float
    unit: str
    key: str
    factor: float = 1.0
    sigma_key: str = ""
    options: tuple[str, ...] = ()
    bench: dict[str, Any] = field(default_factory=dict)
    absolute: bool = False


def rows() -> Iterator[Row]:
    """Yield all rows of the table."""
    yield from _scales()
    for effective in (8.0, 11.31, 14.0):
        stops = 2 * math.log2(effective / 2**2.5)
        # More than two stops brighter, the card would be burnt at far focus.
        shorter = ("--shutter", "1/15s") if stops > 2.2 else ()
        what = f"f/5.6, {stops:.2f} stops lost"
        yield Row(
            "aperture",
            what,
            effective,
            "Ne",
            "effective_f_number",
            options=shorter,
            bench={"effective": effective, "target": "card"},
        )
    yield from _depths_of_field()
    yield from _focus_drives()
    for pupil_mm in (97.0, 300.0, 798.0, 1e6):
        truth = math.inf if pupil_mm > 1e5 else pupil_mm
        yield Row(
            "pupil", f"v {pupil_mm:g} mm", truth, "mm", "pupil_distance_mm", bench={"pupil_mm": pupil_mm}
        )
    for backlash_um in (0, 5, 20, 80):
        yield Row(
            "backlash",
            f"play {backlash_um} um",
            backlash_um,
            "um",
            "backlash_mm",
            1000.0,
            "backlash_sigma_mm",
            bench={"backlash_um": backlash_um},
            absolute=True,
        )
    for decay_s in (0.1, 0.15, 0.3):
        bench = {"decay_s": decay_s, "shutter": "1/200 s", "time_scale": 2}
        what = f"shake to 1/e in {decay_s:g} s"
        yield Row("settle", what, _settled_s(decay_s), "s", "settle_s", bench=bench, absolute=True)


def _scales() -> Iterator[Row]:
    from hardware_sims.scenes.targets import checker_side_mm, graduation_mm

    for m in (0.5, 1.0, 1.07, 5.0):
        width_mm = PITCH_MM * PIXELS[0] / m
        for target, option, length in (
            ("ruler", "--graduation", graduation_mm(width_mm)),
            ("checker", "--checker", checker_side_mm(width_mm)),
        ):
            yield Row(
                "scale",
                f"{target}, {length * 1000:g} um",
                m,
                "x",
                "magnification",
                1.0,
                "magnification_sigma",
                (option, f"{length:.6f}mm"),
                {"true_magnification": m, "magnification": round(m), "target": target}
                if m >= 1
                else {"true_magnification": m, "magnification": m, "target": target},
            )


def _depths_of_field() -> Iterator[Row]:
    from hardware_sims.depth_of_field import depth_of_field_mm
    from hardware_sims.optics import SimLens

    for target, iso in (("texture", 100), ("speckle", 100), ("texture", 1600)):
        for ne in F_NUMBERS:
            truth = sum(depth_of_field_mm(SimLens(1.0, ne, ne / 2, 300.0), PITCH_MM))
            yield Row(
                "dof",
                f"Ne {ne:.3g}, {target}, ISO {iso}",
                truth * 1000,
                "um",
                "dof_mm",
                1000.0,
                "dof_sigma_mm",
                ("--effective-aperture", f"{ne:.4f}"),
                {"effective": ne, "target": target, "iso": iso},
            )


def _focus_drives() -> Iterator[Row]:
    """An Alpha's step of size 2 is 6 motor units of 5 µm."""
    for how, angle in (("by its angle", ("--angle", "45")), ("by the rail", ())):
        for play in (0, 12, 30):
            focus = f'focus = {{ near = "3 mm", far = "-6 mm", play_units = {play} }}'
            options = ("--end", "40", "--step", "1", *angle)
            bench = {"focus": focus, "target": "slanted"}
            what = f"depth {how}, play {play / 6:g} units"
            yield Row("lens", f"unit; {what}", 30.0, "um", "per_unit_mm", 1e3, options=options, bench=bench)
            yield Row(
                "lens",
                f"play; {what}",
                play / 6,
                "units",
                "play_units",
                sigma_key="play_sigma_units",
                options=options,
                bench=bench,
                absolute=True,
            )


def _settled_s(decay_s: float, tolerance_px: float = 0.2) -> float:
    """When the envelope of the shake falls below the tolerance, from the end of the move, less the lag."""
    from hardware_sims.carriage import Vibration

    first_px = Vibration(decay_s=decay_s).amplitude_um(_BENCH["acceleration_mm_s2"], 0.0) / (PITCH_MM * 1000)
    return max(0.0, decay_s * math.log(first_px / tolerance_px) - 0.05)


def run(row: Row, folder: Path) -> dict[str, Any]:
    """Run a row's command; returns its answer."""
    config = folder / "bench.toml"
    config.write_text(_CONFIG.format(**(_BENCH | row.bench)), encoding="utf-8")
    command = [sys.executable, "-c", "from rig.cli import main; main()", "calibrate", row.command]
    done = subprocess.run(
        [
            *command,
            "--config",
            str(config),
            "--folder",
            str(folder / "sessions"),
            "--json",
            "--no-save",
            *row.options,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{row.command} {row.what}: exit {done.returncode}: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _line(row: Row, answer: dict[str, Any]) -> str:
    values = {**answer["details"], **answer["record"]}
    measured = float(values[row.key]) * row.factor
    sigma = f" ± {float(answer['record'][row.sigma_key]) * row.factor:.2g}" if row.sigma_key else ""
    if math.isinf(row.truth) or math.isinf(measured):
        bound = answer["details"].get("low_mm")
        both = math.isinf(row.truth) and math.isinf(measured)
        error = f"none, v > {bound:.4g} mm" if both else "WRONG"
    elif row.absolute:
        error = f"{measured - row.truth:+.3g} {row.unit}"
    else:
        error = f"{measured / row.truth - 1:+.2%}"
    truth = f"{row.truth:.5g} {row.unit}"
    return f"| {row.command} | {row.what} | {truth} | {measured:.5g}{sigma} | {error} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commands", nargs="*", help="only these commands")
    wanted = set(parser.parse_args(arguments).commands)
    print("| command | bench | truth | measured | error |\n|---|---|---|---|---|")
    failed = 0
    for row in rows():
        if wanted and row.command not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(_line(row, run(row, Path(folder))), flush=True)
            except RuntimeError as err:
                failed += 1
                print(
                    f"| {row.command} | {row.what} | {row.truth:.5g} {row.unit} | {err} | FAILED |",
                    flush=True,
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
