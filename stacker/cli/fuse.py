"""``stacker fuse``: frames in, one picture out."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stacker.errors import UserError

if TYPE_CHECKING:
    from stacker.batch.files import FilesResult, Progress
    from stacker.options import Options
    from stacker.result import FrameReport

__all__ = ["INTERRUPTED", "register"]

INTERRUPTED = 130
"""What shells expect of a program ended by Ctrl-C: 128 + SIGINT."""


class _Border(Enum):
    FILL = "fill"
    COMMON = "common"
    REFERENCE = "reference"


class _Depth(Enum):
    EIGHT = "8"
    SIXTEEN = "16"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("fuse", no_args_is_help=True)(_fuse)


def _fuse(
    frames: Annotated[
        list[Path],
        typer.Argument(
            metavar="FRAMES… | FOLDER",
            help="JPEG, PNG or TIFF files, or folders of them; in natural order of their names.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The picture: .tif, .png or .jpg. An existing one is replaced once it is done.",
        ),
    ],
    reference: Annotated[
        str, typer.Option(help="Whose view the picture has: first, middle, last, or a number from 1.")
    ] = "middle",
    bit_depth: Annotated[
        _Depth | None, typer.Option(help="Of the picture; the frames' own by default.")
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of a JPEG.")] = 95,
    border: Annotated[
        _Border,
        typer.Option(
            help="fill: all that any frame reaches, filled from those that do. common: what all reach. "
            "reference: the size of a frame."
        ),
    ] = _Border.FILL,
    align: Annotated[
        bool, typer.Option("--align/--no-align", help="Register scale, rotation and shift.")
    ] = True,
    exposure: Annotated[bool, typer.Option("--exposure/--no-exposure", help="Match brightness.")] = True,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out frames that cannot be read.")
    ] = False,
    drop_unregistered: Annotated[
        bool,
        typer.Option(
            help="Leave out frames that cannot be registered, instead of predicting where they lie."
        ),
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads; all by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a machine-readable report.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")] = False,
) -> None:
    """Fuse the frames of a focus stack into one picture that is sharp all over.

    The profile and EXIF of the frames are kept. Nothing is written unless the picture is finished. Exit
    codes: 0 done, 2 wrong use, 4 unreadable frame or full disk, 130 interrupted.
    """
    started = time.perf_counter()
    from stacker.io.encode import require_writable
    from stacker.io.listing import list_frames

    require_writable(output)
    if bit_depth is _Depth.SIXTEEN and output.suffix.lower() in {".jpg", ".jpeg"}:
        raise UserError("A JPEG has 8 bits; write a .tif or .png to keep 16")
    paths = list_frames(frames, leave_out=output)
    if output.resolve() in {path.resolve() for path in paths}:
        raise UserError(f"{output} is one of the frames; the result needs a name of its own")
    start = _reference_index(reference, len(paths))
    options = _options(align, exposure, border, drop_unregistered, threads)

    from stacker.batch.files import fuse_files

    try:
        with _progress(shown=not (quiet or as_json) and sys.stderr.isatty()) as progress:
            result = fuse_files(paths, options, reference=start, skip_bad=skip_bad, progress=progress)
        result.stack.save(output, bit_depth=int(bit_depth.value) if bit_depth else None, quality=quality)
    except KeyboardInterrupt:
        typer.echo("stacker: interrupted, nothing written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    seconds = time.perf_counter() - started
    if as_json:
        typer.echo(json.dumps(_as_json(result, output, seconds)))
        return
    for warning in _warnings(result):
        typer.echo(f"stacker: {warning}", err=True)
    if not quiet:
        typer.echo(_summary(result, output, seconds))


def _options(align: bool, exposure: bool, border: _Border, drop: bool, threads: int | None) -> Options:
    import cv2

    from stacker.options import Border, Options, Unregistered

    if threads is not None:
        cv2.setNumThreads(threads)
    unregistered = Unregistered.DROP if drop else Unregistered.PREDICT
    return Options(align=align, exposure=exposure, border=Border(border.value), unregistered=unregistered)


def _reference_index(text: str, count: int) -> int:
    named = {"first": 0, "middle": count // 2, "last": count - 1}
    if text in named:
        return named[text]
    if text.isdecimal() and 1 <= int(text) <= count:
        return int(text) - 1
    raise UserError(f"--reference is first, middle, last or a number from 1 to {count}, not {text}")


@contextmanager
def _progress(shown: bool) -> Iterator[Progress | None]:
    """A bar with the time that is left, on a terminal."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fusing", total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)


def _warnings(result: FilesResult) -> Iterator[str]:
    from stacker.registration.chain import Verdict

    for bad in result.skipped:
        yield f"skipped {bad.path.name}: {bad.reason}"
    if len(result.stack.reports) == 1:
        yield "there is one frame only; it is the picture"
    for report in result.stack.reports:
        if report.verdict is Verdict.UNMATCHED:
            fate = (
                "it is placed where the motion of its neighbours puts it" if report.used else "it is left out"
            )
            yield f"{report.name} cannot be registered (correlation {report.correlation:.2f}): {fate}"


def _summary(result: FilesResult, output: Path, seconds: float) -> str:
    stack = result.stack
    height, width = stack.image.shape[:2]
    used = sum(report.used for report in stack.reports)
    parts = [
        f"{output}: {used} frame{'s' if used != 1 else ''}",
        f"{width} × {height} px",
        f"{seconds:.1f} s",
        f"noise {stack.noise_sigma:.1f} of 255",
    ]
    if stack.unused:
        parts.append("contributed nothing: " + ", ".join(report.name for report in stack.unused))
    if result.simulated:
        parts.append("SIMULATED frames")
    return ", ".join(parts)


def _as_json(result: FilesResult, output: Path, seconds: float) -> dict[str, Any]:
    stack = result.stack
    height, width = stack.image.shape[:2]
    return {
        "output": str(output),
        "frames": len(stack.reports),
        "width_px": width,
        "height_px": height,
        "origin_px": list(stack.origin_px),
        "seconds": round(seconds, 3),
        "noise_sigma": stack.noise_sigma,
        "simulated": result.simulated,
        "unused": [report.name for report in stack.unused],
        "skipped": [{"path": str(bad.path), "reason": bad.reason} for bad in result.skipped],
        "reports": [
            _report_as_json(report, share) for report, share in zip(stack.reports, stack.shares, strict=True)
        ],
    }


def _report_as_json(report: FrameReport, share: float) -> dict[str, Any]:
    return {
        "index": report.index,
        "name": report.name,
        "transform": list(report.transform),
        "scale": report.scale,
        "rotation_deg": report.rotation_deg,
        "shift_px": list(report.shift_px),
        "correlation": report.correlation,
        "misfit_px": report.misfit_px if math.isfinite(report.misfit_px) else None,
        "gain": list(report.gain),
        "sharpness": report.sharpness,
        "registered": report.registered,
        "verdict": report.verdict.value,
        "used": report.used,
        "share": share,
    }
