"""``stacker report``: a page that tells of a stack."""

from __future__ import annotations

import json
import time
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
    app.command("report", no_args_is_help=True)(flattened(_report))


def _report(
    stack: StackArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The page; STACK with the ending .html by default."),
    ] = None,
    suspects: Annotated[
        bool,
        typer.Option("--suspects", help="Look for likely wrong picks, too: reads all frames again."),
    ] = False,
    *,
    moved: FramesFolderOptions,
    json_report: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a page that tells of a stack: picture, frames, coverage, registration, depth, settings.

    Example: stacker report stacked.stack

    One HTML file that needs no other and no network. The picture is shown with its retouches, which are
    listed. Frames that are gone are told of and not shown.

    Exit codes: 0 done; 2 wrong use; 4 a damaged stack folder or file of retouches, or a full disk; 130
    interrupted.
    """
    with interruptible():
        started = time.perf_counter()
        from stacker.folder import made_by
        from stacker.io.atomic import require_folder
        from stacker.report import REPORT_SUFFIXES
        from stacker.report.stack_page import write_report

        path = output or stack.with_suffix(".html")
        require_folder(path, REPORT_SUFFIXES)
        talk = not (quiet or json_report)
        with shown_progress(talk and suspects and on_terminal(), "suspects") as progress:
            write_report(
                moved.load(stack),
                path,
                stack.stem,
                folder=stack,
                suspects=suspects,
                made=made_by(stack),
                progress=progress,
            )
    seconds, size = time.perf_counter() - started, path.stat().st_size
    if json_report:
        typer.echo(json.dumps({"output": str(path), "size_bytes": size, "seconds": round(seconds, 3)}))
    elif talk:
        typer.echo(f"{path}: {size / 1e6:.1f} MB, {seconds:.1f} s")
