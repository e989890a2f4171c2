"""The options of ``rig calibrate``, each declared once, and the groups of them that its commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from rig.cli.options import (
    ApertureOption,
    CocOption,
    ConfigOption,
    EffectiveApertureOption,
    FolderOption,
    FrameWidthOption,
    IsoOption,
    JsonOption,
    MagnificationOption,
    ShutterOption,
    SimulateOption,
    TimeScaleOption,
    YesOption,
)

__all__ = [
    "AngleOption",
    "CheckerOption",
    "CommonOptions",
    "DriveEndOption",
    "DriveStepOption",
    "GraduationOption",
    "RegionOption",
    "SweepOptions",
    "ToleranceOption",
]

_FRAMES = "Frames"

ImagesOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--images",
        metavar="FILE...",
        rich_help_panel=_FRAMES,
        help="Measure from these frames, or from a session's folder, instead of taking any.",
    ),
]
MoreImages: TypeAlias = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE...]", help="Further frames.", hidden=True)
]
LinearOption: TypeAlias = Annotated[
    bool,
    typer.Option("--linear", rich_help_panel=_FRAMES, help="The frames hold linear light, no tone curve."),
]
SpacingOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--step",
        metavar="LENGTH",
        rich_help_panel=_FRAMES,
        help="Distance between frames: of the sweep, or of existing frames that do not say where they were.",
    ),
]
FromOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--start", metavar="LENGTH", rich_help_panel=_FRAMES, help="First position of the sweep."),
]
ToOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--end", metavar="LENGTH", rich_help_panel=_FRAMES, help="Last position of the sweep."),
]
GraduationOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--graduation",
        metavar="LENGTH",
        rich_help_panel=_FRAMES,
        help="Distance of the ruler's finest lines, 1mm when not given.",
    ),
]
CheckerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--checker",
        metavar="LENGTH",
        rich_help_panel=_FRAMES,
        help="The target is a checkerboard with squares of this side.",
    ),
]
ToleranceOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        metavar="PX",
        rich_help_panel=_FRAMES,
        help="Shift that does not matter, in pixels: 0.2 when not given.",
    ),
]
DriveEndOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--end",
        metavar="UNITS",
        rich_help_panel=_FRAMES,
        help="How far to drive the focus from where it stands, towards far.",
    ),
]
DriveStepOption: TypeAlias = Annotated[
    int, typer.Option("--step", metavar="UNITS", rich_help_panel=_FRAMES, help="Drive units between frames.")
]
AngleOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--angle",
        metavar="DEGREES",
        rich_help_panel=_FRAMES,
        help="Between the target and the plane of focus, such as 45; the rail measures it when not given.",
    ),
]
RegionOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="X,Y,W,H",
        rich_help_panel=_FRAMES,
        help="Part of the frame to look at, as shares: 0.4,0.4,0.2,0.2.",
    ),
]
HereOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--here-is",
        metavar="LENGTH",
        help="Position at which the carriage stands now, with the target in focus.",
    ),
]
PlotOption: TypeAlias = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw the curve behind the value: .svg or .png.")
]
SaveOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--save", metavar="FILE", help="Calibration file, instead of the one that the configuration names."
    ),
]
DrySaveOption: TypeAlias = Annotated[
    bool, typer.Option("--no-save", help="Print the value only; no calibration file is written.")
]


@dataclass(frozen=True)
class SweepOptions:
    """What the commands that drive through focus have in common."""

    step: SpacingOption = None
    start: FromOption = None
    end: ToOption = None
    coc: CocOption = None
    effective_aperture: EffectiveApertureOption = None


@dataclass(frozen=True)
class CommonOptions:
    """What every command has."""

    more: MoreImages = None
    images: ImagesOption = None
    linear: LinearOption = False
    magnification: MagnificationOption = None
    frame_width: FrameWidthOption = None
    aperture: ApertureOption = None
    shutter: ShutterOption = None
    iso: IsoOption = None
    config: ConfigOption = None
    simulate: SimulateOption = False
    time_scale: TimeScaleOption = None
    here_is: HereOption = None
    folder: FolderOption = None
    yes: YesOption = False
    save: SaveOption = None
    no_save: DrySaveOption = False
    plot: PlotOption = None
    as_json: JsonOption = False
