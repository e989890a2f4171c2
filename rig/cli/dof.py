"""``rig dof``: one set-up in, everything that optics says about it out. Nothing moves, no rig is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from rig.cli.option_groups import flattened
from rig.cli.options import (
    ApertureOption,
    CocOption,
    DeliverOption,
    EffectiveApertureOption,
    FrameWidthOption,
    JsonOption,
    MagnificationOption,
    OverlapOption,
)

__all__ = ["register"]

_SENSOR, _LENS, _OUTPUT = "Sensor", "Lens", "What to show"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("dof")(flattened(dof))


def _text(option: str, metavar: str, panel: str, text: str) -> Any:  # as typer.Option itself
    return typer.Option(option, metavar=metavar, rich_help_panel=panel, help=text)


Sensor = Annotated[
    str | None,
    _text(
        "--sensor",
        "NAME|SIZE",
        _SENSOR,
        'A camera of the tables ("Sony A7R V"), 36x24mm, or full-frame, aps-c, aps-c-canon, mft.',
    ),
]
Pixels = Annotated[
    str | None, _text("--pixels", "N|NxM", _SENSOR, "Pixels across the sensor: 9504 or 9504x6336.")
]
PixelPitch = Annotated[
    str | None, _text("--pixel-pitch", "LENGTH", _SENSOR, "Distance from pixel to pixel: 3.76um.")
]
AsWritten = Annotated[
    bool,
    typer.Option(
        "--as-written",
        rich_help_panel=_LENS,
        help="Take --aperture as written, 5.6 and not the true stop 5.657, as printed tables do.",
    ),
]
Na = Annotated[
    str | None, _text("--na", "NA", _LENS, "Numerical aperture on the subject's side, as engraved: 0.28.")
]
PupilRatio = Annotated[
    str | None,
    _text(
        "--pupil-ratio",
        "P",
        _LENS,
        "Exit over entrance pupil at this focus; --aperture is then of this focus too (bellows, extension).",
    ),
]
Lens = Annotated[
    str | None, _text("--lens", "NAME", _LENS, "A lens or objective of the tables; unknown is no error.")
]
ObjectiveMagnification = Annotated[
    str | None, _text("--objective-magnification", "M", _LENS, "As engraved: 10x.")
]
TubeLens = Annotated[
    str | None, _text("--tube-lens", "LENGTH", _LENS, "Focal length of the tube lens in use: 150mm.")
]
ReferenceTubeLens = Annotated[
    str | None,
    _text(
        "--reference-tube-lens",
        "LENGTH",
        _LENS,
        "What the engraving refers to: 200mm (default; Mitutoyo, Nikon), 180 Olympus, 165 Zeiss.",
    ),
]
FocalLength = Annotated[
    str | None, _text("--focal-length", "LENGTH", _LENS, "At this focus; engraved is right for far subjects.")
]
FocusDistance = Annotated[
    str | None,
    _text(
        "--focus-distance",
        "LENGTH",
        _LENS,
        "From the lens to the plane of focus; with --focal-length instead of a magnification.",
    ),
]
Wavelength = Annotated[
    str | None, _text("--wavelength", "LENGTH", _LENS, "Of the light: 550nm (default), 0.65um.")
]
Index = Annotated[
    str | None,
    _text("--index", "N", _LENS, "Refractive index around the subject: 1 (default), 1.33 water, 1.515 oil."),
]
TableOption = Annotated[
    str | None,
    _text("--table", "apertures|magnifications|overlaps", _OUTPUT, "Compare instead of one set-up."),
]
PlotOption = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        rich_help_panel=_OUTPUT,
        help="Draw depth of field and resolution against the f-number: a name that ends in .svg or .png.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="A rig's TOML file, for its lens and camera; without it only what is given here counts.",
    ),
]


@dataclass(frozen=True)
class SetUpOptions:
    """What is said of a set-up, as `rig.dof.request.DofRequest.from_text` takes it."""

    magnification: MagnificationOption = None
    frame_width: FrameWidthOption = None
    aperture: ApertureOption = None
    effective_aperture: EffectiveApertureOption = None
    coc: CocOption = None
    deliver: DeliverOption = None
    overlap: OverlapOption = None
    sensor: Sensor = None
    pixels: Pixels = None
    pixel_pitch: PixelPitch = None
    lens: Lens = None
    na: Na = None
    objective_magnification: ObjectiveMagnification = None
    tube_lens: TubeLens = None
    reference_tube_lens: ReferenceTubeLens = None
    pupil_ratio: PupilRatio = None
    focal_length: FocalLength = None
    focus_distance: FocusDistance = None
    as_written: AsWritten = False
    wavelength: Wavelength = None
    index: Index = None


def dof(
    said: SetUpOptions,
    table: TableOption = None,
    plot: PlotOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work out depth of field, step and resolution of a set-up. Nothing moves, no rig is needed."""
    from rig.cli.dof_output import show_comparison, show_dof  # imports of commands wait until they run
    from rig.config import load_config
    from rig.dof.compare import check_comparison
    from rig.dof.measured import measured_config
    from rig.dof.plot import plot_dof
    from rig.dof.report import describe
    from rig.dof.request import DofRequest
    from rig.dof.resolve import resolve
    from rig.plots.canvas import check_plot_path

    comparison = None if table is None else check_comparison(table)
    if plot is not None:
        check_plot_path(plot)
    request = DofRequest.from_text(**vars(said))
    if config is None:
        setup = resolve(request)
    else:
        loaded = load_config(config)
        rig, calibration = measured_config(loaded, request)
        setup = resolve(request, rig, calibration, loaded.path.name)
    report = describe(setup)
    if plot is not None:
        plot_dof(setup, plot)
    if comparison is None:
        show_dof(report, as_json=as_json)
    else:
        show_comparison(comparison, setup, report, as_json=as_json)
    if plot is not None and not as_json:
        typer.echo(plot)
