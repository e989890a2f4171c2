"""RAW and JPEG of one release are one frame."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from stacker.io.raw_names import RAW_SUFFIXES

__all__ = ["Pairs", "one_of_each", "paired"]

_BESIDE_RAW = frozenset({".jpg", ".jpeg"})
"""What bodies write beside a RAW file. A TIFF of that name is somebody's own, and may be the better one."""


class Pairs(Enum):
    """Which file stands for a frame of which there is a RAW file and a JPEG."""

    RAW = "raw"
    JPEG = "jpeg"


def paired(paths: Sequence[Path]) -> dict[Path, Path]:
    """JPEGs that lie beside a RAW file of the same name, and that RAW file."""
    raws = {_stem(path): path for path in paths if path.suffix.lower() in RAW_SUFFIXES}
    return {
        path: raws[_stem(path)]
        for path in paths
        if path.suffix.lower() in _BESIDE_RAW and _stem(path) in raws
    }


def one_of_each(paths: Sequence[Path], pairs: Pairs) -> list[Path]:
    """The files but for those whose frame another one stands for; the order is kept."""
    both = paired(paths)
    dropped = set(both if pairs is Pairs.RAW else both.values())
    return [path for path in paths if path not in dropped]


def _stem(path: Path) -> tuple[Path, str]:
    return path.parent, path.stem.lower()
