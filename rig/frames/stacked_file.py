"""Which of a frame's files is looked at and stacked: bodies may send RAW and JPEG of one release."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import PurePath

from rig.cameras.sequence import is_raw_name

__all__ = ["StackedFile", "file_to_stack"]

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
    readable = [at for at, name in enumerate(names) if PurePath(name).suffix.lower() not in _HEIF]
    wants_raw = wanted is StackedFile.RAW
    return min(readable, key=lambda at: is_raw_name(names[at]) != wants_raw, default=None)
