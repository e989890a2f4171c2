"""Slabs: pictures of a few neighbouring frames each, between the frames and the final picture.

A slab is sharp over a part of the depth only, without what lies far before and behind it: material for
retouching places where the final picture has chosen wrongly. Slabs lie pixel on pixel on the final picture.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np

from stacker.about import slab_metadata
from stacker.batch.ahead import one_ahead
from stacker.errors import UserError
from stacker.frames import Image
from stacker.fusion.base import Fused
from stacker.fusion.methods import FusionSetup, make_fusion
from stacker.io.decode import read_again
from stacker.io.encode import write_image
from stacker.io.metadata import Made, made_here
from stacker.io.saving import Saving
from stacker.order import near_end, nearness_by_index
from stacker.outputs.registered import picture_window
from stacker.result import FrameReport, Stack

__all__ = ["Slabs", "slab_path", "slabs_behind", "write_slabs"]


@dataclass(frozen=True)
class Slabs:
    """How frames are divided.

    Attributes
    ----------
    frames : int
        In a slab, at least 2.
    overlap : int
        Frames that a slab shares with the one before it, 0 to one less than it has.
    """

    frames: int
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise UserError(f"A slab has at least 2 frames, not {self.frames}")
        if not 0 <= self.overlap < self.frames:
            raise UserError(
                f"The overlap of slabs of {self.frames} frames must be 0 to {self.frames - 1}, "
                f"not {self.overlap}"
            )

    def ranges(self, count: int) -> list[range]:
        """Which frames make each slab; the last may have fewer, but always one that no other has.

        Examples
        --------
        >>> Slabs(10, 3).ranges(20)
        [range(0, 10), range(7, 17), range(14, 20)]
        """
        found, start = [], 0
        while start == 0 or start + self.overlap < count:
            found.append(range(start, min(start + self.frames, count)))
            start += self.frames - self.overlap
        return found


def slab_path(output: Path, number: int, folder: Path | None = None) -> Path:
    """Where a slab goes: beside the picture, ``picture-slab-001.tif``."""
    return (folder or output.parent) / f"{output.stem}-slab-{number:03d}{output.suffix}"


def slabs_behind(output: Path, count: int) -> list[Path]:
    """Slabs of that picture that are there already, with numbers above so many, as `slab_path` names them."""
    found = []
    for path in output.parent.glob(f"{escape(output.stem)}-slab-*{escape(output.suffix)}"):
        number = path.stem.removeprefix(f"{output.stem}-slab-")
        if number.isdecimal() and int(number) > count and made_here(path) is Made.SLAB:
            found.append(path)
    return sorted(found)


def write_slabs(
    stack: Stack,
    slabs: Slabs,
    output: Path,
    folder: Path,
    *,
    saving: Saving | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Path]:
    """Fuse and write the slabs of a finished stack.

    Reads the frames again, one slab after the other, so memory does not depend on how many slabs there are.

    Parameters
    ----------
    stack : Stack
        The result; its frames were files.
    slabs : Slabs
        How to divide them; frames that were left out of the stack are in no slab.
    output : Path
        The final picture, after which slabs are named.
    folder : Path
        Where to write.
    saving : Saving, optional
        As in `stacker.write_image`.
    progress : callable, optional
        Told of every slab.

    Returns
    -------
    list of Path
        The files, in order.

    Raises
    ------
    UserError
        When frames were arrays.
    DataError
        When a frame cannot be read any more, or the disk is full.
    """
    used = [at for at, report in enumerate(stack.reports) if report.used]
    if any(stack.sources[at] is None for at in used):
        raise UserError("Slabs need frames that are files: they are read a second time")
    written: list[Path] = []
    ranges = slabs.ranges(len(used))
    for number, members in enumerate(ranges, start=1):
        path = slab_path(output, number, folder)
        places = [used[at] for at in members]
        about = slab_metadata(stack, places, number, len(ranges))
        write_image(path, _fuse(stack, places), about, saving)
        written.append(path)
        if progress is not None:
            progress(number, len(ranges), path.name)
    return written


def _fuse(stack: Stack, members: Sequence[int]) -> Image:
    by_index = {stack.reports[at].index: at for at in members}

    def look_again(index: int) -> Image:
        source = stack.sources[by_index[index]]
        assert source is not None
        return read_again(source).pixels

    def frames() -> Generator[tuple[FrameReport, Image], None, None]:
        for at in members:
            report = stack.reports[at]
            yield report, look_again(report.index)

    options, said = stack.options, None
    if options.order is not None:
        said = nearness_by_index(options.order, 1 + max(report.index for report in stack.reports))
    setup = FusionSetup(
        stack.frame_size,
        stack.image.dtype,
        stack.noise_sigma,
        options.fusion,
        look_again,
        said if options.opaque_foreground else None,
        options.scratch_dir,
        lambda: near_end(said, {report.index: report.position_mm for report in stack.reports}),
    )
    fusion = make_fusion(stack.options.method, setup)
    with closing(one_ahead(frames(), "stacker-decode")) as read:
        for report, pixels in read:
            fusion.add(pixels, report.matrix, report.levels, report.index)
    return _on_the_picture(fusion.finish(), stack)


def _on_the_picture(fused: Fused, stack: Stack) -> Image:
    """The fused frames on the final picture's canvas; black where none of them reaches."""
    canvas = picture_window(stack)
    common = canvas.intersection(fused.extent)
    picture = np.zeros_like(stack.image)
    source = common.slices_in(fused.extent)
    picture[common.slices_in(canvas)] = np.where(
        fused.reached[source][..., None], fused.image[source], np.zeros(1, stack.image.dtype)
    )
    return picture
