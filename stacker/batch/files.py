"""Fuses the frames of a folder: from the middle outward, reading, registering and fusing side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from stacker.batch.ahead import one_ahead
from stacker.errors import DataError, StackerError, UserError
from stacker.frames import Frame
from stacker.io.decode import read_frame
from stacker.io.listing import natural_order
from stacker.options import Options, ReferenceView
from stacker.result import Stack
from stacker.stack import Registered, Stacker

_Decoded = Generator[tuple[int, Frame | StackerError], None, None]
_Ready = Generator[tuple[str, list[Registered]], None, None]

__all__ = ["BadFrame", "FilesResult", "Progress", "fuse_files", "outward_order"]

Progress = Callable[[int, int, str], None]
"""Called with frames done, frames in all, and the name of the last one."""


@dataclass(frozen=True)
class BadFrame:
    """A file that was skipped, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class FilesResult:
    """What came of a set of files.

    Attributes
    ----------
    stack : Stack
        The result; indexes of its reports are places in ``paths``.
    paths : tuple of Path
        All files, in natural order, skipped ones included.
    skipped : tuple of BadFrame
        Files that could not be used.
    simulated : bool
        Any of the files says that no real camera took it.
    """

    stack: Stack
    paths: tuple[Path, ...]
    skipped: tuple[BadFrame, ...]
    simulated: bool


def fuse_files(
    paths: Sequence[Path],
    options: Options | None = None,
    *,
    reference: int | None = None,
    positions_mm: Sequence[float] | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> FilesResult:
    """Fuse image files, each decoded once.

    Parameters
    ----------
    paths : sequence of Path
        The frames; brought into natural order of their names.
    options : Options, optional
        Settings. A declared reference view applies to the reference frame.
    reference : int, optional
        Index (in natural order) of the frame whose view the result has; the middle one by default.
        Registration goes outward from it, so errors add up over half the stack at most.
    positions_mm : sequence of float, optional
        Rail positions in natural order, growing towards the subject.
    skip_bad : bool
        Leave out files that cannot be read instead of stopping.
    progress : callable, optional
        Told of every frame.

    Raises
    ------
    UserError
        Without frames, with frames of different sizes, or a reference that is not there.
    DataError
        When a frame cannot be read; the message names the file.
    """
    ordered = natural_order(paths)
    if not ordered:
        raise UserError("There are no frames to fuse")
    if reference is not None and not 0 <= reference < len(ordered):
        raise UserError(
            f"The reference must be 0 to {len(ordered) - 1} for {len(ordered)} frames, not {reference}"
        )
    if positions_mm is not None and len(positions_mm) != len(ordered):
        raise UserError(f"There are {len(ordered)} frames but {len(positions_mm)} positions")
    run = _Run(ordered, options or Options(), positions_mm, skip_bad, progress)
    return run.fuse(len(ordered) // 2 if reference is None else reference)


def outward_order(count: int, start: int) -> list[int]:
    """Indexes from the start to the end, then from before the start back to 0."""
    return [*range(start, count), *range(start - 1, -1, -1)]


class _Run:
    """The state of one call of `fuse_files`.

    Three threads work side by side, each at most one frame ahead of the next: one reads, one registers, and
    the caller's fuses. So three frames are in memory at a time, however many there are.
    """

    def __init__(
        self,
        paths: list[Path],
        options: Options,
        positions_mm: Sequence[float] | None,
        skip_bad: bool,
        progress: Progress | None,
    ) -> None:
        self._paths, self._positions_mm = paths, positions_mm
        self._skip_bad, self._progress = skip_bad, progress
        if options.reference == ReferenceView() and positions_mm is not None and options.pupil_distance_mm:
            options = replace(options, reference=ReferenceView.at_position(positions_mm[len(paths) // 2]))
        self._stacker = Stacker(options)
        self._skipped: list[BadFrame] = []
        self._simulated = False

    def fuse(self, start: int) -> FilesResult:
        order = outward_order(len(self._paths), start)
        decoded = one_ahead(_decoded(self._paths, order), "stacker-decode")
        registered = one_ahead(self._registered(decoded, start), "stacker-register")
        with closing(registered):
            for done, (name, ready) in enumerate(registered, start=1):
                for frame in ready:
                    self._stacker.fold(frame)
                if self._progress is not None:
                    self._progress(done, len(self._paths), name)
        if not self._stacker.reports:
            raise DataError(
                f"None of the {len(self._paths)} frames can be read; the first: {self._skipped[0].reason}"
            )
        return FilesResult(self._stacker.finish(), tuple(self._paths), tuple(self._skipped), self._simulated)

    def _registered(self, decoded: _Decoded, start: int) -> _Ready:
        """Of every file its name and the frames that can be fused now."""
        turned = False
        for index, frame in decoded:
            if index < start and not turned:
                self._stacker.rewind()
                turned = True
            yield self._paths[index].name, self._register(index, frame)

    def _register(self, index: int, frame: Frame | StackerError) -> list[Registered]:
        if isinstance(frame, StackerError):
            if not self._skip_bad or not isinstance(frame, DataError):
                raise frame
            self._skipped.append(BadFrame(self._paths[index], str(frame)))
            return []
        position = None if self._positions_mm is None else self._positions_mm[index]
        self._simulated = self._simulated or frame.metadata.simulated
        return self._stacker.register(frame, position, index)


def _decoded(paths: Sequence[Path], order: Sequence[int]) -> _Decoded:
    """Read frames in that order.

    All are turned as the first one that can be read: a camera that points down changes its mind about what is
    upright between frames.
    """
    orientation: int | None = None
    for index in order:
        frame: Frame | StackerError
        try:
            frame = read_frame(paths[index], orientation)
        except StackerError as error:
            frame = error
        else:
            orientation = orientation or frame.metadata.orientation
        yield index, frame
