"""What sensors counted, file by file, for what has to be known before anything is developed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stacker.errors import StackerError
from stacker.frames import Image
from stacker.io.decode import is_raw_file
from stacker.io.development import SensorLevels

__all__ = ["counted"]


def counted(
    paths: Sequence[Path], levels: SensorLevels, strict: bool = False
) -> Iterator[tuple[Image, Image]]:
    """What the sensor counted and the colours of its pixels, of the frames that are of that body.

    The counts are LibRaw's own memory: they are gone when the next frame is asked for.
    Frames that cannot be read are passed over, unless it is strict: they are told when their turn comes.
    """
    from stacker.io.raw import opened

    for path in paths:
        try:
            if not is_raw_file(path):
                continue
            with opened(path, str(path)) as raw:
                size = raw.sizes.width, raw.sizes.height
                if raw.raw_pattern is not None and size == levels.size_px:
                    yield raw.raw_image_visible, raw.raw_colors_visible
        except StackerError:
            if strict:
                raise
