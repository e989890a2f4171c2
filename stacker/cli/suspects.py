"""``stacker suspects``: where a wrong pick is likely."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stacker.cli.exits import interruptible
from stacker.cli.option_groups import flattened
from stacker.cli.stack_options import FramesFolderOptions, StackArgument
from stacker.cli.telling import JsonOption, QuietOption, on_terminal, shown_progress

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("suspects", no_args_is_help=True)(flattened(_suspects))


def _suspects(
    stack: StackArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Also write the picture, dim, with the places marked."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Places to tell of, at most; the worst first.")] = 20,
    *,
    moved: FramesFolderOptions,
    json_report: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Tell where the picture has probably chosen wrongly, so that the eye goes there first.

    Example: stacker suspects stacked.stack -o suspects.png

    The frames are read again; they have to be what they were. Repair what you find with stacker retouch.

    Exit codes: 0 done; 2 wrong use; 4 a frame that is gone or has changed, or a full disk; 130 interrupted.
    """
    with interruptible():
        from stacker.about import drawing_metadata
        from stacker.io.encode import require_writable, write_image
        from stacker.outputs.suspects import find_suspects, overlay

        if output is not None:
            require_writable(output)
        loaded = moved.load(stack)
        talk = not (quiet or json_report)
        with shown_progress(talk and on_terminal(), "suspects") as progress:
            found = find_suspects(loaded, limit, progress)
        if output is not None:
            write_image(output, overlay(loaded, found), drawing_metadata(loaded))
    if json_report:
        report = {
            "threshold": found.threshold,
            "suspects": [asdict(place) for place in found.places],
            "more": found.more,
            "output": output and str(output),
        }
        typer.echo(json.dumps(report))
    elif talk:
        for number, place in enumerate(found.places, start=1):
            x, y, width, height = place.box
            between = " to ".join(place.frames)
            typer.echo(
                f"{number}. {x},{y},{width},{height}: {place.reason} ({place.score:.0f} of 255), {between}"
            )
        more = f" and {found.more} more" if found.more else ""
        count = len(found.places)
        told = f"{count}{more} place{'s' if count != 1 else ''} to look at" if count else "nothing stands out"
        typer.echo(f"{stack}: {told}")
