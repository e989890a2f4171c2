"""A stack with the retouches that lie beside its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stacker.io.stack_xmp import with_facts
from stacker.result import Stack
from stacker.retouch.book import RetouchBook, book_path
from stacker.retouch.engine import Retoucher

__all__ = ["retouched"]


def retouched(stack: Stack, folder: Path, book: RetouchBook | None = None) -> tuple[Stack, int]:
    """A stack whose picture has its retouches, and how many these are.

    Parameters
    ----------
    stack : Stack
        As it was loaded: not cropped.
    folder : Path
        Its stack folder.
    book : RetouchBook, optional
        The retouches; those beside the folder by default.

    Raises
    ------
    UserError
        When a frame that they take from was not stacked any more, or the file of a mask is not there.
    DataError
        When the retouches are damaged, or a frame that they take from is gone or has changed.
    """
    path = book_path(folder)
    book = RetouchBook.load(path) if book is None else book
    if not book.retouches:
        return stack, 0
    image = Retoucher(stack, path.parent).apply(book.retouches)
    about = with_facts(stack.metadata, {"Retouches": len(book.retouches)}, beside=True)
    return replace(stack, image=image, metadata=about), len(book.retouches)
