"""The pages of TIFFs: which there are, and whether they are one picture or several."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import tifffile

from stacker.errors import DataError

__all__ = ["pages_in_turn", "require_one_picture"]

_NO_PICTURE = 1 | 4
"""NewSubfileType of a smaller version of another picture, and of a mask (TIFF 6.0, section 8)."""

_BROKEN = (tifffile.TiffFileError, ValueError, IndexError, KeyError, TypeError, OSError, struct.error)


def pages_in_turn(pages: Iterable[Any]) -> Iterator[Any]:
    """Pages as far as they can be found: in damaged files a directory points to nowhere, or back.

    Parameters
    ----------
    pages : iterable of TiffPage
        As tifffile has them; it would follow a directory that points to itself for ever.
    """
    seen: set[int] = set()
    try:
        for page in pages:
            if page.offset in seen:
                return
            seen.add(page.offset)
            yield page
    except _BROKEN:
        return


def require_one_picture(tiff: Any, name: str) -> None:
    """Refuse files of several pictures: z-stacks of microscopes, pages of scanners, layers of GIMP.

    What else has pages is no photograph of the same kind: thumbnails, versions of half the size, masks, a
    scanner's infrared.

    Parameters
    ----------
    tiff : TiffFile
        The file.
    name : str
        For the message.

    Raises
    ------
    DataError
        When it holds another picture of the size and kind of the first.
    """
    tiff.pages.useframes = False  # of which only the first would be read, and taken for all
    first = tiff.pages[0]
    count = sum(
        one.shape == first.shape and one.dtype == first.dtype and not one.subfiletype & _NO_PICTURE
        for one in pages_in_turn(tiff.pages)
    )
    count = max(count, _in_one_page(tiff, first))
    if count > 1:
        raise DataError(
            f"{name} holds {count} pictures of {first.imagewidth} × {first.imagelength} px, and a frame is "
            "one: save each as a file of its own (tiffsplit; in ImageJ: Save As, Image Sequence)"
        )


def _in_one_page(tiff: Any, page: Any) -> int:
    """How many pictures ImageJ has put one behind the other, as it does from 4 GB on, with one page for all.

    That they are there has to be seen: programs copy what it says to files of one picture.
    """
    if not tiff.is_imagej or not page.dataoffsets:
        return 1
    count = int((tiff.imagej_metadata or {}).get("images", 1))
    return count if page.dataoffsets[0] + count * page.nbytes <= tiff.filehandle.size else 1
