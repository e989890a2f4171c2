"""The options of ``rig calibrate``, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "CheckerOption",
    "DrySaveOption",
    "FromOption",
    "GraduationOption",
    "ImagesOption",
    "LinearOption",
    "MoreImages",
    "PlotOption",
    "RegionOption",
    "SaveOption",
    "SpacingOption",
    "ToOption",
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
RegionOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="X,Y,W,H",
        rich_help_panel=_FRAMES,
        help="Part of the frame to look at, as shares: 0.4,0.4,0.2,0.2.",
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
