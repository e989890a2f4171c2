"""``stacker frames``: registered frames as files, for other stackers."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from stacker.cli.crop_options import CropOptions
from stacker.cli.exits import interruptible
from stacker.cli.option_groups import flattened
from stacker.cli.saving_options import SavingOptions
from stacker.cli.stack_options import FramesFolderOptions, StackArgument
from stacker.cli.telling import JsonOption, QuietOption, on_terminal, shown_progress

__all__ = ["register"]


class _Kind(Enum):
    TIFF = "tif"
    PNG = "png"
    JPEG = "jpg"
    DNG = "dng"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("frames", no_args_is_help=True)(flattened(_frames))


def _frames(
    stack: StackArgument,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The folder to make; an older one of the same kind is replaced."),
    ],
    stored: SavingOptions,
    kind: Annotated[_Kind, typer.Option("--as", help="What to write.")] = _Kind.TIFF,
    *,
    crop: CropOptions,
    moved: FramesFolderOptions,
    json_report: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the frames registered and equally bright, all of one size: for Helicon Focus, Zerene Stacker, …

    Example: stacker frames stacked.stack -o registered/

    Names begin with the number of the frame, so they sort in order. registered.json tells what was done to
    each. Stack them elsewhere with alignment switched off.

    Exit codes: 0 done; 2 wrong use; 4 a frame that is gone or has changed, or a full disk; 130 interrupted.
    """
    with interruptible():
        from stacker.outputs.crop import cropped
        from stacker.outputs.frames import write_frames

        talk = not (quiet or json_report)
        notes: list[str] = []
        with shown_progress(talk and on_terminal(), "frames") as progress:
            written = write_frames(
                cropped(moved.load(stack), crop.part()),
                output,
                suffix=f".{kind.value}",
                saving=stored.saving(),
                progress=progress,
                tell=notes.append,
            )
    if json_report:
        about = {"output": str(output), "frames": [str(path) for path in written], "notes": notes}
        typer.echo(json.dumps(about))
        return
    for note in notes:
        typer.echo(f"stacker: {note}", err=True)
    if talk:
        typer.echo(f"{output}: {len(written)} registered frames, {written[0].name} to {written[-1].name}")
