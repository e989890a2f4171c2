"""``stacker layers``: a finished stack as a layered file."""

from __future__ import annotations

import json
import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from stacker.cli.crop_options import CropOptions
from stacker.cli.exits import interruptible
from stacker.cli.opening_options import OpeningOptions, open_result
from stacker.cli.option_groups import flattened
from stacker.cli.saving_options import ColourSpaceOption, colour_space_of
from stacker.cli.stack_options import FramesFolderOptions, StackArgument
from stacker.cli.telling import JsonOption, QuietOption, on_terminal, shown_progress

__all__ = ["register"]


class _Fused(Enum):
    HIDDEN = "hidden"
    SHOWN = "shown"
    NONE = "none"


class _Depth(Enum):
    EIGHT = "8"
    SIXTEEN = "16"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("layers", no_args_is_help=True)(flattened(_layers))


def _layers(
    stack: StackArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The layered file: .psd, .psb, .tif or .ora. An existing one is replaced once it is done.",
        ),
    ],
    fused: Annotated[
        _Fused | None,
        typer.Option(
            help="The fused picture on top: hidden, shown, or none. Hidden, the frames and their masks make "
            "the picture; that is the default as long as there are no retouches, which are in the fused "
            "picture only.",
        ),
    ] = None,
    retouches: Annotated[
        bool,
        typer.Option(
            "--retouches/--no-retouches", help="Whether the fused picture has what stacker retouch has kept."
        ),
    ] = True,
    keep_unused: Annotated[
        bool,
        typer.Option("--keep-unused", help="Write frames that are used nowhere too, with a black mask."),
    ] = False,
    bit_depth: Annotated[
        _Depth | None, typer.Option(help="Of the layers; the frames' own by default, 16 for floats.")
    ] = None,
    colour_space: ColourSpaceOption = "keep",
    *,
    crop: CropOptions,
    moved: FramesFolderOptions,
    opening: OpeningOptions,
    json_report: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a finished stack as a layered file: a registered frame a layer, masked to where it is used.

    Example: stacker layers stacked.stack -o stacked.psd

    The frames are read again; they have to be what they were. Frames that are used nowhere are left out and
    listed.

    Exit codes: 0 done; 2 wrong use; 4 a frame that is gone or has changed, or a full disk; 130 interrupted.
    """
    with interruptible():
        started = time.perf_counter()
        from stacker.outputs.crop import cropped
        from stacker.outputs.layers import FusedLayer, write_layers
        from stacker.retouch.applied import retouched

        opener = opening.opener()
        talk = not (quiet or json_report)
        with shown_progress(talk and on_terminal(), "layers") as progress:
            loaded, count = moved.load(stack), 0
            if retouches:
                loaded, count = retouched(loaded, stack)
            top = fused or (_Fused.SHOWN if count else _Fused.HIDDEN)
            done = write_layers(
                cropped(loaded, crop.part()),
                output,
                colour_space=colour_space_of(colour_space),
                bit_depth=int(bit_depth.value) if bit_depth else None,
                fused=FusedLayer(top.value),
                retouches=count,
                keep_unused=keep_unused,
                progress=progress,
            )
    seconds = time.perf_counter() - started
    problem = open_result(opener, done.path)
    if json_report:
        report = {
            "output": str(done.path),
            "not_opened": problem,
            "layers": list(done.layers),
            "unused": list(done.unused),
            "notes": list(done.notes),
            "size_bytes": done.path.stat().st_size,
            "seconds": round(seconds, 3),
        }
        typer.echo(json.dumps(report))
        return
    for note in done.notes:
        typer.echo(f"stacker: {note}", err=True)
    if talk:
        from stacker.batch.notes import few

        size = done.path.stat().st_size / 1e6
        unused = f", used nowhere: {few(done.unused)}" if done.unused else ""
        typer.echo(f"{done.path}: {len(done.layers)} layers, {size:.0f} MB, {seconds:.1f} s{unused}")
