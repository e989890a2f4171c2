"""Fuses the frames of a folder from the middle outward: one is read and registered while another is fused."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from stacker.about import described
from stacker.batch.ahead import one_ahead
from stacker.batch.alike import Odd, OddReference, Shape, levels_of_others
from stacker.batch.notes import notes_on
from stacker.credits import Credits
from stacker.errors import DataError, StackerError, UserError
from stacker.frames import Frame
from stacker.io.development import Recipe
from stacker.io.listing import natural_order
from stacker.io.pages import Pages
from stacker.io.reader import FrameReader
from stacker.io.session_facts import find_set_up
from stacker.options import Options, ReferenceView
from stacker.order import nearness_by_index, order_of
from stacker.registration.chain import Verdict
from stacker.registration.exposure import Levels
from stacker.registration.hindsight import Hindsight
from stacker.registration.saved import SavedTransforms
from stacker.result import Stack
from stacker.stack import Registered, Stacker

_Decoded = Generator[tuple[int, Frame | StackerError], None, None]
_Ready = Generator[tuple[str, list[Registered]], None, None]

__all__ = ["BadFrame", "FilesResult", "Progress", "fuse_files", "outward_order", "with_metadata"]

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
    recipe : Recipe or None
        How all frames were developed; without levels when none was RAW.
    """

    stack: Stack
    paths: tuple[Path, ...]
    skipped: tuple[BadFrame, ...]
    simulated: bool
    notes: tuple[str, ...] = ()
    recipe: Recipe | None = None


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
    """Fuse image files; each is decoded once unless the method looks twice or the reference is an odd one.

    Parameters
    ----------
    paths : sequence of Path
        The frames; brought into natural order of their names.
    options : Options, optional
        Settings. A declared reference view applies to the reference frame.
    reference : int, optional
        Index (in natural order) of the frame whose view the result has; the middle one by default.
        Registration goes outward from it, so errors add up over half the stack at most. Where nothing but
        names tells the order, and the frames plainly another one, they are fused again in that.
    positions_mm : sequence of float, optional
        Rail positions in natural order, growing towards the subject. They also tell which frames are near.
    transforms : SavedTransforms, optional
        Where the frames lie, from a set registered before: by name if the names are the same, else by order.
    skip_bad : bool
        Leave out files that cannot be read, and frames of another subject, size or bit depth, instead of
        stopping.
    progress : callable, optional
        Told of every frame.

    Raises
    ------
    UserError
        Without frames, with frames of different sizes or bit depths, a reference that is not there, or an
        opaque foreground when nothing tells which frames are near.
    DataError
        When a frame cannot be read, or shows another subject than the frames around it; the message names
        the file.
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
    start = len(ordered) // 2 if reference is None else reference
    options = options or Options()
    if options.reference == ReferenceView() and positions_mm is not None and options.pupil_distance_mm:
        # The same view as that of the reference frame, even if that turns out to be bad.
        options = replace(options, reference=ReferenceView.at_position(positions_mm[start]))
    run = _Run(ordered, options, positions_mm, transforms, skip_bad, progress)
    run.take(start)
    better = run.better_order() if reference is None else None
    if better is None:
        return run.finished()
    del run  # which holds as much memory as the next one needs
    run = _Run(better, options, None, None, skip_bad, progress)
    run.take(start)
    result = run.finished()
    note = _REORDERED.format(better[0].name, better[-1].name)
    return replace(result, notes=(note, *result.notes))


def with_metadata(result: FilesResult, templates: Credits, name: str) -> FilesResult:
    """The result with metadata that tell of it; templates that cannot be filled become notes.

    Parameters
    ----------
    result : FilesResult
        What came of the files.
    templates : Credits
        Who made it and what it shows.
    name : str
        Of the picture, for templates.
    """
    stack = result.stack
    if result.simulated:
        stack = replace(stack, metadata=replace(stack.metadata, simulated=True))
    stack, left_out = described(stack, find_set_up(result.paths), templates, name)
    notes = tuple(f"{template!r} is left out: not all that it asks for is known" for template in left_out)
    return replace(result, stack=stack, notes=(*result.notes, *notes))


def outward_order(count: int, start: int) -> list[int]:
    """Indexes from the start to the end, then from before the start back to 0."""
    return [*range(start, count), *range(start - 1, -1, -1)]


_OTHER_SUBJECT = "it shows another subject than the frames around it"

_REORDERED = (
    "the names do not follow the planes of focus, as the frames show them: they were taken in the order "
    "that does, from {} to {}"
)

_WAY_OUT = "take it away, or leave it out with --skip-bad"

_ENOUGH_TO_TELL = 3
"""Frames of which two can outvote the first."""


class _Anew(Exception):  # noqa: N818 - the way of a run, not an error
    """Frames turn out to lie elsewhere than they were fused: all are placed anew."""


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
        if options.opaque_foreground:
            options = replace(options, order=order_of(positions_mm, options.order))
        self._options, self._transforms = options, transforms
        self._known = transforms.for_names([path.name for path in paths]) if transforms else None
        self._pages = Pages()
        self._reader = FrameReader(options.development, self._pages)
        self._skipped: dict[int, str] = {}
        self._simulated = False
        self._hindsight: Hindsight | None = None
        self._begin(None)

    def take(self, start: int) -> None:
        """Register and fold all frames, outward from one."""
        order = outward_order(len(self._paths), start)
        self._reader.begin(self._paths, start)
        left_out = False
        while True:
            try:
                self._pass(order)
                break
            except _Anew:
                self._hindsight = self._stacker.hindsight
                self._begin(self._levels)
            except OddReference as found:
                if found.odd is not None:
                    order = self._without_reference(order, found.odd, left_out)
                    left_out = True
                self._begin(found.levels)
        self._pages.release()

    def better_order(self) -> list[Path] | None:
        """The frames in the order of their planes of focus, where nothing but names told theirs, which is
        plainly another; None where it is not, or where a frame is left out.
        """
        if self._positions_mm is not None or self._transforms is not None or self._options.order is not None:
            return None
        order = self._stacker.order_of_focus()
        return None if order is None or self._skipped else [self._paths[at] for at in order]

    def finished(self) -> FilesResult:
        """The picture."""
        if not any(report.used for report in self._stacker.reports):
            index, reason = min(self._skipped.items())
            raise DataError(
                f"None of the {len(self._paths)} frames can be used; {self._paths[index].name}: {reason}"
            )
        skipped = tuple(BadFrame(self._paths[index], why) for index, why in sorted(self._skipped.items()))
        stack = self._stacker.finish()
        told = notes_on(stack, [told for _, told in sorted(self._frame_notes)])
        notes = (*self._reader.notes, *told)
        return FilesResult(stack, tuple(self._paths), skipped, self._simulated, notes, self._reader.recipe)

    def _begin(self, levels: Levels | None) -> None:
        """Begin, or begin again, with a first frame that is to become brighter or darker by these levels."""
        order = self._options.order
        nearness = nearness_by_index(order, len(self._paths)) if order is not None else None
        self._stacker = Stacker(
            self._options, self._known, nearness, levels, len(self._paths), self._hindsight
        )
        self._levels = levels
        self._shape: Shape | None = None
        self._alike = 0
        self._odd: list[Odd] = []
        self._frame_notes: list[tuple[int, tuple[str, str]]] = []

    def _without_reference(self, order: list[int], odd: Odd, again: bool) -> list[int]:
        """The frames but for the one that was begun with; once only, or they have nothing in common."""
        if again:
            at = order.index(odd.index)
            names = ", ".join(self._paths[index].name for index in order[at : at + 3])
            raise DataError(f"These frames do not belong together: {names}")
        self._leave_out(odd)
        return [index for index in order if index != odd.index]

    def _pass(self, order: Sequence[int]) -> None:
        decoded = _decoded(self._paths, order, self._reader)
        registered = one_ahead(self._registered(decoded, order[0]), "stacker-register")
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
                ready = self._register(index, frame)
                del frame  # so that its pixels can go as soon as they are fused
                yield self._paths[index].name, ready
        for odd in self._odd:  # the last of two frames: either could be meant
            self._leave_out(odd)

    def _register(self, index: int, frame: Frame | StackerError) -> list[Registered]:
        if isinstance(frame, StackerError):
            if not isinstance(frame, DataError):
                raise frame
            if not self._skip_bad:
                raise DataError(f"{frame}; {_WAY_OUT}") from frame
            reason = str(frame).removeprefix(f"{self._paths[index]} ")
            self._skipped[index] = reason if reason == str(frame) else f"it {reason}"
            return []
        position = None if self._positions_mm is None else self._positions_mm[index]
        self._simulated = self._simulated or frame.metadata.simulated
        self._frame_notes += [(index, (frame.name, note)) for note in frame.notes]
        self._shape = self._shape or Shape.of(frame)
        odd = self._shape.unlike(index, Shape.of(frame))
        if odd is not None:
            self._doubt(odd)
            return []
        if self._transforms is not None:
            self._transforms.check_size(frame)
        ready = self._stacker.register(frame, position, index)
        if self._stacker.hindsight is not None:
            raise _Anew
        if self._stacker.reports[-1].verdict is Verdict.FOREIGN:
            self._doubt(Odd(index, _OTHER_SUBJECT, _OTHER_SUBJECT, DataError))
        else:
            self._vouch()
        return ready

    def _doubt(self, odd: Odd) -> None:
        """Leave an odd frame out, or stop; if it is the reference that is odd, begin again without it."""
        self._odd.append(odd)
        if self._alike > 1:
            self._leave_out_odd()
        elif len(self._odd) > 1:
            first = self._stacker.reports[0].index
            raise OddReference(replace(odd, index=first, reason=odd.of_reference))
        # Otherwise the next frame tells which of the two is odd.

    def _vouch(self) -> None:
        """Take note of a frame that belongs to the first."""
        self._alike += 1
        if self._alike > 1:
            self._leave_out_odd()
        if self._alike == _ENOUGH_TO_TELL and self._levels is None:
            reports = [report for report in self._stacker.reports if report.registered]
            levels = levels_of_others(reports) if len(reports) == _ENOUGH_TO_TELL else None
            if levels is not None:
                raise OddReference(None, levels)

    def _leave_out_odd(self) -> None:
        for odd in self._odd:
            self._leave_out(odd)
        self._odd = []

    def _leave_out(self, odd: Odd) -> None:
        if not self._skip_bad:
            raise odd.error(self._paths[odd.index].name, _WAY_OUT)
        self._skipped[odd.index] = odd.reason


def _decoded(paths: Sequence[Path], order: Sequence[int], reader: FrameReader) -> _Decoded:
    """Read frames in that order."""

    def read(path: Path) -> Frame | StackerError:
        try:
            return reader.read(path)
        except StackerError as error:
            return error

    for index in order:
        yield index, read(paths[index])  # without a name, which would hold on to the pixels
