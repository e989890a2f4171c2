"""Fuses the frames of a folder from the middle outward: one is read and registered while another is fused."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from stacker.batch.ahead import one_ahead
from stacker.batch.notes import notes_on
from stacker.errors import DataError, StackerError, UserError
from stacker.frames import Frame
from stacker.io.decode import read_frame
from stacker.io.listing import natural_order
from stacker.options import Options, ReferenceView
from stacker.order import nearness_by_index, order_of
from stacker.registration.chain import Verdict
from stacker.registration.saved import SavedTransforms
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
    notes : tuple of str
        What a person should know: one frame only, a frame twice, nothing sharp, how a file was understood.
    """

    stack: Stack
    paths: tuple[Path, ...]
    skipped: tuple[BadFrame, ...]
    simulated: bool
    notes: tuple[str, ...] = ()


def fuse_files(
    paths: Sequence[Path],
    options: Options | None = None,
    *,
    reference: int | None = None,
    positions_mm: Sequence[float] | None = None,
    transforms: SavedTransforms | None = None,
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
        Rail positions in natural order, growing towards the subject. They also tell which frames are near.
    transforms : SavedTransforms, optional
        Where the frames lie, from a set registered before: by name if the names are the same, else by order.
    skip_bad : bool
        Leave out files that cannot be read, and frames of another subject, instead of stopping.
    progress : callable, optional
        Told of every frame.

    Raises
    ------
    UserError
        Without frames, with frames of different sizes, a reference that is not there, or an opaque
        foreground when nothing tells which frames are near.
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
    run = _Run(ordered, options or Options(), positions_mm, transforms, skip_bad, progress)
    return run.fuse(len(ordered) // 2 if reference is None else reference)


def outward_order(count: int, start: int) -> list[int]:
    """Indexes from the start to the end, then from before the start back to 0."""
    return [*range(start, count), *range(start - 1, -1, -1)]


class _OddReference(Exception):  # noqa: N818 - a message between two functions, not an error
    """The frame that was to be the reference shows something else than the two after it."""


class _Run:
    """The state of one call of `fuse_files`.

    Two threads work side by side: one reads and registers, at most one frame ahead of the caller's, which
    fuses on all cores. So two frames are in memory at a time, however many there are. (A third thread, to
    read while another registers, gains nothing while fusing takes longest, and costs a frame.)
    """

    def __init__(
        self,
        paths: list[Path],
        options: Options,
        positions_mm: Sequence[float] | None,
        transforms: SavedTransforms | None,
        skip_bad: bool,
        progress: Progress | None,
    ) -> None:
        self._paths, self._positions_mm = paths, positions_mm
        self._skip_bad, self._progress = skip_bad, progress
        if options.reference == ReferenceView() and positions_mm is not None and options.pupil_distance_mm:
            options = replace(options, reference=ReferenceView.at_position(positions_mm[len(paths) // 2]))
        if options.opaque_foreground:
            options = replace(options, order=order_of(positions_mm, options.order))
        self._options, self._transforms = options, transforms
        self._known = transforms.for_names([path.name for path in paths]) if transforms else None
        self._stacker = self._anew()
        self._skipped: dict[int, str] = {}
        self._foreign: list[int] = []
        self._frame_notes: list[tuple[int, tuple[str, str]]] = []
        self._simulated = False

    def fuse(self, start: int) -> FilesResult:
        order = outward_order(len(self._paths), start)
        try:
            self._pass(order, start)
        except _OddReference:
            odd = self._stacker.reports[0].index
            self._skip_foreign(odd)
            order = [index for index in order if index != odd]
            self._stacker, self._foreign, self._frame_notes = self._anew(), [], []
            self._second_pass(order)
        if not any(report.used for report in self._stacker.reports):
            index, reason = min(self._skipped.items())
            raise DataError(
                f"None of the {len(self._paths)} frames can be used; {self._paths[index].name}: {reason}"
            )
        skipped = tuple(BadFrame(self._paths[index], why) for index, why in sorted(self._skipped.items()))
        stack = self._stacker.finish()
        notes = tuple(notes_on(stack, [told for _, told in sorted(self._frame_notes)]))
        return FilesResult(stack, tuple(self._paths), skipped, self._simulated, notes)

    def _anew(self) -> Stacker:
        order = self._options.order
        nearness = nearness_by_index(order, len(self._paths)) if order is not None else None
        return Stacker(self._options, self._known, nearness)

    def _second_pass(self, order: Sequence[int]) -> None:
        try:
            self._pass(order, order[0])
        except _OddReference:
            names = ", ".join(self._paths[index].name for index in order[:3])
            raise DataError(f"These frames do not show one subject: {names}") from None

    def _pass(self, order: Sequence[int], start: int) -> None:
        decoded = _decoded(self._paths, order)
        registered = one_ahead(self._registered(decoded, start), "stacker-register")
        with closing(registered):
            for done, (name, ready) in enumerate(registered, start=1):
                for frame in ready:
                    self._stacker.fold(frame)
                if self._progress is not None:
                    self._progress(done, len(self._paths), name)

    def _registered(self, decoded: _Decoded, start: int) -> _Ready:
        """Of every file its name and the frames that can be fused now."""
        turned = False
        with closing(decoded):
            for index, frame in decoded:
                if index < start and not turned:
                    self._stacker.rewind()
                    turned = True
                yield self._paths[index].name, self._register(index, frame)
        if len(self._foreign) == 1 and len(self._stacker.reports) == 2:
            self._skip_foreign(self._foreign[0])  # the last of two frames: either could be meant

    def _register(self, index: int, frame: Frame | StackerError) -> list[Registered]:
        if isinstance(frame, StackerError):
            if not self._skip_bad or not isinstance(frame, DataError):
                raise frame
            self._skipped[index] = str(frame)
            return []
        if self._transforms is not None:
            self._transforms.check_size(frame)
        position = None if self._positions_mm is None else self._positions_mm[index]
        self._simulated = self._simulated or frame.metadata.simulated
        self._frame_notes += [(index, (frame.name, note)) for note in frame.notes]
        ready = self._stacker.register(frame, position, index)
        self._judge(index)
        return ready

    def _judge(self, index: int) -> None:
        """Leave a frame of another subject out, or stop; if it is the reference, begin again without it."""
        reports = self._stacker.reports
        if reports[-1].verdict is Verdict.FOREIGN:
            self._foreign.append(index)
        elif len(reports) == 1:
            return
        if len(reports) == 1 + len(self._foreign):
            if len(self._foreign) == 1:
                return  # the next one tells which of the two is odd
            if len(self._foreign) == 2:
                raise _OddReference
        for foreign in self._foreign:
            self._skip_foreign(foreign)
        self._foreign = []

    def _skip_foreign(self, index: int) -> None:
        reason = "it shows another subject than the frames around it"
        if not self._skip_bad:
            name = self._paths[index].name
            raise DataError(
                f"{name} cannot be stacked: {reason}; take it away, or leave it out with --skip-bad"
            )
        self._skipped[index] = reason


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
