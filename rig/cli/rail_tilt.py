"""``rig rail tilt``: how far a rail is off the optical axis."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.cli.machines import write_json
from rig.cli.option_groups import RailOptions, length_mm
from rig.cli.options import FolderOption, HereOption, MagnificationOption, ShutterOption, YesOption
from rig.cli.stopping import stopping

if TYPE_CHECKING:
    from rig.calibrate.tilt import RailTilt

__all__ = ["tilt"]


def tilt(
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE FILE]", help="Two frames, or a session's folder; else two are taken."),
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option(
            "--distance",
            metavar="LENGTH",
            help="How far the rail moved towards the subject from the first of two files to the second.",
        ),
    ] = None,
    travel: Annotated[
        str,
        typer.Option(
            "--travel", metavar="LENGTH", help="Between the frames that are taken, half to each side."
        ),
    ] = "5mm",
    magnification: MagnificationOption = None,
    shutter: ShutterOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    *,
    which: RailOptions,
) -> None:
    """How far the rail is off the optical axis: px that the picture drifts per mm, from two frames.

    Put something flat with fine texture, in focus where the carriage stands.
    """
    from rich.console import Console

    from rig.calibrate.task import Shooting, Task, frames_of
    from rig.calibrate.tilt import measure_tilt
    from rig.cli.output import note_simulated
    from rig.cli.terminal import Terminal
    from rig.cli.watch import RunDisplay
    from rig.planning.rail import PlanRequest
    from rig.planning.request import parse_positive_length
    from rig.rails.state import with_kept_limits

    loaded = with_kept_limits(which.find())
    request = PlanRequest.from_text(start="0", end="0", magnification=magnification, shutter=shutter)
    apart_mm = length_mm(distance, "--distance")
    task = Task(loaded, request, frames_of(images, apart_mm) if images else ())
    travel_mm = parse_positive_length(travel, "--travel")
    here_mm = length_mm(here_is, "--here-is")
    assert travel_mm is not None
    if task.images:
        found = measure_tilt(task)
    else:
        note_simulated(loaded)
        display = RunDisplay(Console(stderr=True, highlight=False))
        with stopping() as stopper, display:
            operator = Terminal(yes=yes, display=display)
            shooting = Shooting(operator, stopper, [display], here_mm, folder)
            found = measure_tilt(replace(task, shooting=shooting), travel_mm)
    _show(found, as_json=which.as_json)


def _show(found: RailTilt, *, as_json: bool) -> None:
    if as_json:
        answer = asdict(found) | {"px_per_mm": found.px_per_mm}
        write_json(answer)
        return
    from rich.console import Console

    from rig.cli.table import show_rows

    right, down, sigma = found.right_px_per_mm, found.down_px_per_mm, found.sigma_px_per_mm
    rows = [
        ("drift", f"{found.px_per_mm:.3g} ± {sigma:.2g} px for each mm towards the subject"),
        ("of the picture", f"{_way(right, 'right', 'left')}, {_way(down, 'down', 'up')} a mm"),
    ]
    if found.right_deg is not None and found.down_deg is not None:
        turned = f"{_way(found.right_deg, 'left', 'right', '°')}, {_way(found.down_deg, 'up', 'down', '°')}"
        rows.append(("the rail points", f"{turned} of the lens's axis"))
    drift = found.drift
    grown = f"size {drift.growth - 1:+.2%}, turn {drift.turn_deg:+.2f}°"
    rows.append(("measured from", f"{drift.points} points over {found.travel_mm:g} mm ({grown})"))
    if found.simulated:
        rows.append(("", "SIMULATED"))
    show_rows(rows, [], Console(highlight=False))


def _way(value: float, positive: str, negative: str, unit: str = " px") -> str:
    return f"{abs(value):.3g}{unit} {positive if value >= 0 else negative}"
