"""Which of a frame's files is looked at and stacked: bodies may send RAW and JPEG of one release."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import PurePath

__all__ = ["StackedFile", "file_to_stack"]

_DEVELOPED = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff"})
_HEIF = frozenset({".hif", ".heif", ".heic"})


class StackedFile(Enum):
    """The file of a pair that is stacked while shooting."""

    JPEG = "jpeg"
    """It is decoded in a tenth of the time."""
    RAW = "raw"


def file_to_stack(names: Sequence[str], wanted: StackedFile = StackedFile.JPEG) -> int | None:
    """Place of the file that is stacked.

    Parameters
    ----------
    names : sequence of str
        Of the files of one frame.
    wanted : StackedFile
        Which of a pair.

    Returns
    -------
    int or None
        None where no file can be decoded: HEIF alone, or none.

    Examples
    --------
    >>> file_to_stack(["a.jpg", "a.arw"], StackedFile.RAW), file_to_stack(["a.cr3"]), file_to_stack(["a.hif"])
    (1, 0, None)
    """
    kinds = [PurePath(name).suffix.lower() for name in names]
    developed = [at for at, kind in enumerate(kinds) if kind in _DEVELOPED]
    raw = [at for at, kind in enumerate(kinds) if kind not in _DEVELOPED | _HEIF]
    order = [*raw, *developed] if wanted is StackedFile.RAW else [*developed, *raw]
    return order[0] if order else None
