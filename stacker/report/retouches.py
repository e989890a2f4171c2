"""What the page of a stack tells of its retouches: the picture is shown with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stacker.errors import StackerError
from stacker.outputs.registered import picture_window
from stacker.report.page import Block, Prose, Section, Table
from stacker.result import Stack
from stacker.retouch.applied import retouched
from stacker.retouch.book import Retouch, RetouchBook, book_path
from stacker.retouch.regions import bounds_of
from stacker.retouch.wishes import told

__all__ = ["with_retouches"]


def with_retouches(stack: Stack, folder: Path) -> tuple[Stack, Section | None]:
    """A stack as its picture would be saved, and a section that lists its retouches.

    Parameters
    ----------
    stack : Stack
        As it was loaded.
    folder : Path
        Its stack folder; the retouches are beside it.

    Returns
    -------
    shown : Stack
        With the retouches; as it was when there are none, or when they cannot be applied since a frame or a
        mask is gone: a page is there without frames, too.
    section : Section or None
        None when there are none.

    Raises
    ------
    DataError
        When the file of retouches is damaged.
    """
    path = book_path(folder)
    book = RetouchBook.load(path)
    if not book.retouches:
        return stack, None
    problem, shown = "", stack
    try:
        shown, _ = retouched(stack, folder, book)
    except StackerError as error:
        problem = f"The picture is shown as it was fused, since its retouches cannot be applied: {error}"
    return shown, _section(stack, book.retouches, path.parent, problem)


def _section(stack: Stack, retouches: Sequence[Retouch], folder: Path, problem: str) -> Section:
    blocks: list[Block] = [Prose((problem,), warning=True)] if problem else []
    rows = tuple(
        (str(number), _box(stack, retouch, folder), told(retouch))
        for number, retouch in enumerate(retouches, start=1)
    )
    verb = "is" if len(rows) == 1 else "are"
    where = f"{verb} in the picture above, later ones on earlier ones" if not problem else f"{verb} kept"
    caption = f"{len(rows)} retouch{'es' if len(rows) != 1 else ''} {where}."
    blocks.append(Table(caption, ("retouch", "left, top, width, height in px", "what"), rows, frozenset({0})))
    return Section("retouches", "Retouches", tuple(blocks))


def _box(stack: Stack, retouch: Retouch, folder: Path) -> str:
    """Where a retouch changes the picture, feather included."""
    canvas = picture_window(stack)
    try:
        box = bounds_of(retouch, folder).intersection(canvas)
    except StackerError:  # a mask that is gone, of which the warning tells
        return "not known"
    if not (box.width and box.height):  # of a stack that was cropped otherwise
        return "outside"
    return f"{box.x - canvas.x}, {box.y - canvas.y}, {box.width}, {box.height}"
