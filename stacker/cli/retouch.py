"""``stacker retouch``: regions of a finished picture taken from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stacker.cli.exits import interruptible
from stacker.cli.opening_options import OpeningOptions, open_result
from stacker.cli.option_groups import flattened
from stacker.cli.saving_options import SavingOptions
from stacker.cli.stack_options import FramesFolderOptions, StackArgument
from stacker.cli.telling import JsonOption, QuietOption
from stacker.errors import UserError

if TYPE_CHECKING:
    from stacker.io.saving import Saving
    from stacker.result import Stack
    from stacker.retouch.book import Retouch, RetouchBook

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("retouch", no_args_is_help=True)(flattened(_retouch))


def _retouch(
    stack: StackArgument,
    stored: SavingOptions,
    frame: Annotated[
        str | None,
        typer.Option(
            help="Take the region from this frame: its number from 1, or its name.", metavar="FRAME"
        ),
    ] = None,
    fused: Annotated[
        bool, typer.Option("--fused", help="Take it from the fused picture: undoes retouches there.")
    ] = False,
    method: Annotated[
        str | None,
        typer.Option(help="Fuse it again by this method: pyramid, depthmap, weighted or auto."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar='"X,Y X,Y X,Y …"', help="A polygon, in pixels of the picture."),
    ] = None,
    stroke: Annotated[
        list[str] | None,
        typer.Option(metavar='"X,Y X,Y …"', help="A stroke of a round brush; may be given several times."),
    ] = None,
    radius: Annotated[float | None, typer.Option(help="Of the brush, in pixels.")] = None,
    mask: Annotated[
        Path | None, typer.Option(help="A picture as large as the stack's, white where to take it.")
    ] = None,
    feather: Annotated[
        float, typer.Option(min=0, max=1000, help="Width in pixels over which the edge fades.")
    ] = 4.0,
    note: Annotated[str, typer.Option(help="Is kept with the retouch.")] = "",
    list_them: Annotated[bool, typer.Option("--list", help="Tell what is there.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last one back.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Bring the one undone last back.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The picture with all retouches: .tif, .png, .jpg or .dng."),
    ] = None,
    *,
    moved: FramesFolderOptions,
    opening: OpeningOptions,
    json_report: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Repair regions of a finished picture, without stacking again.

    Example: stacker retouch stacked.stack --frame 7 --region "310,200 420,190 430,280" -o repaired.tif

    Retouches are kept in stacked.retouch.json beside the stack folder, in order; they stay when the stack is
    made again.

    Exit codes: 0 done; 2 wrong use; 4 a frame that is gone or has changed, or a full disk; 130 interrupted.
    """
    with interruptible():
        from stacker.io.encode import require_writable
        from stacker.retouch.book import Retouch, RetouchBook, book_path
        from stacker.retouch.wishes import region_of, source_of

        adding = any((frame, fused, method, region, stroke, mask))
        _require_sense((adding, undo, redo), list_them, output, opening.open_with)
        saving, opener = stored.saving(), opening.opener() if output is not None else None
        if output is not None:
            require_writable(output)
            saving.check(output)
        loaded, path = moved.load(stack), book_path(stack)
        book = RetouchBook.load(path)
        if adding:
            wanted = Retouch(
                region=region_of(loaded, region, stroke or (), radius, mask, path.parent),
                source=source_of(loaded, frame, fused, method),
                feather_px=feather,
                note=note,
            )
            _check(loaded, wanted, path)
            book = book.added(wanted)
        elif undo:
            book = book.undo()
        elif redo:
            book = book.redo()
        changed = path if adding or undo or redo else None
        notes = _write(loaded, book, stack, changed, output, saving)
    problem = None if output is None else open_result(opener, output)
    if json_report:
        about = {
            "file": str(path),
            "output": output and str(output),
            "notes": list(notes),
            "not_opened": problem,
        }
        typer.echo(json.dumps(book.model_dump(mode="json") | about))
        return
    for told in notes:
        typer.echo(f"stacker: {told}", err=True)
    if not quiet:
        _tell(book, path, output, list_them)


def _require_sense(
    changes: tuple[bool, bool, bool], list_them: bool, output: Path | None, open_with: str | None
) -> None:
    """Refuse what contradicts itself, and what asks for nothing."""
    if changes.count(True) > 1:
        raise UserError("One thing at a time: add a retouch, --undo, or --redo")
    if not (any(changes) or list_them or output):
        raise UserError("Say what to do: a region and what to take, --list, --undo, --redo, or -o")
    if open_with and output is None:
        raise UserError("--open-with opens the picture that -o writes: give -o FILE as well")


def _check(stack: Stack, wanted: Retouch, path: Path) -> None:
    from stacker.retouch.engine import Retoucher

    Retoucher(stack, path.parent).check(wanted)


def _write(
    stack: Stack, book: RetouchBook, folder: Path, changed: Path | None, output: Path | None, saving: Saving
) -> tuple[str, ...]:
    """Write the retouches, if they have changed, and the picture, if it is wanted: both or neither."""
    from stacker.io.together import together
    from stacker.retouch.applied import retouched

    notes: tuple[str, ...] = ()
    with together() as parts:
        finished: list[tuple[Path, Path]] = []
        if changed is not None:
            finished.append((parts.place(changed), changed))
            book.save(finished[-1][0])
        if output is not None:
            finished.append((parts.place(output), output))
            notes = retouched(stack, folder, book)[0].save(finished[-1][0], saving)
        parts.publish(finished)
    return notes


def _tell(book: RetouchBook, path: Path, output: Path | None, each: bool) -> None:
    from stacker.retouch.wishes import told

    if each:
        for number, retouch in enumerate(book.retouches, start=1):
            typer.echo(f"{number}. {told(retouch)}")
    count = len(book.retouches)
    undone = f", {len(book.undone)} undone" if book.undone else ""
    typer.echo(f"{path}: {count} retouch{'es' if count != 1 else ''}{undone}")
    if output is not None:
        typer.echo(f"{output}: the picture with all of them")
