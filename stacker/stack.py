"""The streaming stacker: frames one at a time, a preview at any time, the picture at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stacker.about import described
from stacker.errors import UserError
from stacker.focus.noise import estimate_noise
from stacker.frames import Frame, FrameMetadata, FrameSource, Image, as_frame, check_alike
from stacker.fusion.base import Fused, Fusion
from stacker.fusion.borders import CommonField, reached_window
from stacker.fusion.methods import FusionSetup, make_fusion, needs_second_look
from stacker.fusion.window import Window
from stacker.io.decode import read_again
from stacker.io.reader import FrameReader
from stacker.options import Border, Options, Unregistered
from stacker.order import Nearness, near_end
from stacker.registration.chain import Chain, Registration, Verdict
from stacker.registration.exposure import Levels
from stacker.registration.hindsight import Hindsight
from stacker.registration.rail import RailGeometry
from stacker.registration.saved import KnownChain, SavedTransform
from stacker.registration.sequence import order_of_focus
from stacker.result import Covered, FrameReport, Stack, report_of

__all__ = ["FrameReport", "Registered", "Stack", "Stacker"]


@dataclass
class Registered:
    """A frame that knows its place and waits to be fused.

    Attributes
    ----------
    index : int
        Place in the stack.
    frame : Frame
        The photograph; without pixels once it has been given to the fusion.
    found : Registration
        Where it lies in the reference view.
    """

    index: int
    frame: Frame
    found: Registration

    def given(self) -> Image:
        """The pixels, which are let go of: once they lie on the canvas they would only take up memory."""
        pixels = self.frame.pixels
        self.frame = replace(self.frame, pixels=pixels[:0, :0].copy())
        return pixels


class Stacker:
    """Registers and fuses frames as they come; memory does not depend on how many.

    `add` does all that is to be done for a frame. A pipeline calls its two halves instead, `register` and
    `fold`: each from one thread at a time and in order, but the two may run side by side.

    Parameters
    ----------
    options : Options, optional
        Settings.
    known : mapping of int to SavedTransform, optional
        Where the frames lie, by index; then only brightness is matched.
    nearness : callable, optional
        How near the plane of focus of a frame is, by index: 0 the farthest to 1 the nearest. An opaque
        foreground needs it, and it helps where things lie over each other; `stacker.order.nearness_by_index`
        makes one. Positions of the frames tell as well.
    first_levels : Levels, optional
        What makes the first frame as bright as the picture is to be, when that frame is known to be exposed
        unlike the others; otherwise the picture is as bright as the first frame.
    frames : int, optional
        How many are to come, where that is known: few lie far apart, which registration expects then.
    hindsight : Hindsight, optional
        What is known of all frames beforehand, from a `Stacker` that had them before.

    Raises
    ------
    UserError
        When the options ask for an opaque foreground, and nothing says which frames are near.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> frames = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(2)]
    >>> stacker = Stacker(Options(align=False))
    >>> reports = [stacker.add(frame) for frame in frames]
    >>> stacker.finish().image.shape
    (48, 64, 3)
    """

    def __init__(
        self,
        options: Options | None = None,
        known: Mapping[int, SavedTransform] | None = None,
        nearness: Nearness | None = None,
        first_levels: Levels | None = None,
        frames: int | None = None,
        hindsight: Hindsight | None = None,
    ) -> None:
        self._options = options or Options()
        self._reader = FrameReader(self._options.development)
        if self._options.opaque_foreground and nearness is None:
            raise UserError("An opaque foreground needs to know how near each frame is: give a nearness")
        self._nearness = nearness
        self._chain: Chain | None = None
        self._first_levels, self._frames, self._hindsight = first_levels, frames, hindsight
        self._known: KnownChain | None = None
        if known is not None:
            self._known = KnownChain(known, self._options.exposure, first_levels)
        self._fusion: Fusion | None = None
        self._first: FrameMetadata | None = None
        self._first_name = ""
        self._grey = True
        self._size = (0, 0)
        self._dtype: np.dtype[Any] = np.dtype(np.uint8)
        self._noise = 0.0
        self._reports: dict[int, FrameReport] = {}
        self._details: dict[int, Image] = {}
        self._sources: dict[int, FrameSource] = {}
        self._arrays: dict[int, Image] = {}
        self._common = CommonField()
        self._held: Registered | None = None

    @property
    def reports(self) -> tuple[FrameReport, ...]:
        """Of all frames so far, in order of arrival."""
        return tuple(self._reports.values())

    def order_of_focus(self) -> list[int] | None:
        """Indexes of all frames in the order of their planes of focus, where it plainly is not their own.

        None where it is, or where frames were registered before.
        """
        indexes = sorted(self._details)
        order = order_of_focus([self._details[index] for index in indexes])
        return None if order is None else [indexes[at] for at in order]

    @property
    def hindsight(self) -> Hindsight | None:
        """What came out too late for the frames that are fused already: something that lies over all of them,
        or that they had moved a little each when they were taken for standing still. Beginning again with it
        puts them where they belong. None where there is nothing of the kind.
        """
        chain = self._registering
        return None if chain is None else chain.hindsight

    @property
    def _registering(self) -> Chain | None:
        """What finds out where the frames lie; None before the first one, and where that was known before."""
        return self._chain if self._known is None else None

    def add(
        self, frame: Frame | Image | Path | str, position_mm: float | None = None, index: int | None = None
    ) -> FrameReport:
        """Register a frame to its neighbour and fold it into the picture.

        A frame that cannot be matched is held back until the next one: its place is then known from both
        sides, and the report in `reports` replaces the one returned here. A frame of another subject is
        reported and left out.

        Parameters
        ----------
        frame : Frame, ndarray, Path or str
            Anything that `stacker.read_frame` or `stacker.as_frame` takes. All frames have one size.
        position_mm : float, optional
            Rail position, growing towards the subject: helps registration.
        index : int, optional
            Place in the stack when frames do not arrive in order; each is taken once.

        Raises
        ------
        UserError
            When the size differs from that of the first frame.
        DataError
            When a file cannot be decoded.
        """
        number = len(self._reports) if index is None else index
        for ready in self.register(frame, position_mm, number):
            self.fold(ready)
        return self._reports[number]

    def register(
        self, frame: Frame | Image | Path | str, position_mm: float | None = None, index: int | None = None
    ) -> list[Registered]:
        """Find out where a frame lies: the first half of `add`.

        Parameters are those of `add`.

        Returns
        -------
        list of Registered
            The frames that can be fused now, in order, for `fold`: none while this one is held back, two when
            the one before it was.
        """
        started = time.perf_counter()
        number = len(self._reports) if index is None else index
        taken = self._take(frame, number)
        if self._chain is None:
            self._begin(taken, position_mm)
        assert self._chain is not None
        check_alike(taken, self._first_name, self._size, self._dtype)
        self._grey = self._grey and taken.metadata.grey
        if self._known is not None:
            found = self._known.add(taken.pixels, number)
        else:
            found = self._chain.add(taken.pixels, position_mm)
        if found.detail is not None:
            self._details[number] = found.detail
        ready = self._settle(found)
        used = found.registered or (
            found.verdict is Verdict.UNMATCHED and self._options.unregistered is Unregistered.PREDICT
        )
        self._remember(number, taken)
        self._reports[number] = report_of(
            number, taken, found, used, time.perf_counter() - started, position_mm
        )
        if used and (found.registered or self._known is not None):
            ready.append(Registered(number, taken, found))
        elif used:
            self._held = Registered(number, taken, found)
        return ready

    def _settle(self, found: Registration | None = None) -> list[Registered]:
        """Let go of the frame that was held back because it could not be matched.

        If the frame behind it was registered, its place is between its two neighbours; otherwise where the
        motion before it pointed.
        """
        held, self._held = self._held, None
        if held is None:
            return []
        revised = self._chain.revised() if self._chain is not None and found is not None else ()
        if revised:
            held = replace(held, found=revised[-1])
            before = self._reports[held.index]
            self._reports[held.index] = report_of(
                held.index, held.frame, held.found, True, before.seconds, before.position_mm
            )
        return [held]

    def fold(self, ready: Registered) -> None:
        """Fold a registered frame into the picture, once: the second half of `add`."""
        started = time.perf_counter()
        if self._fusion is None:
            setup = FusionSetup(
                self._size,
                self._dtype,
                self._noise,
                self._options.fusion,
                self._look_again,
                self._nearness if self._options.opaque_foreground else None,
                self._options.scratch_dir,
                self._near_end,
            )
            self._fusion = make_fusion(self._options.method, setup)
        found = ready.found
        self._fusion.add(ready.given(), found.transform, found.levels, ready.index)
        self._common.add(found.transform, self._size)
        report = self._reports[ready.index]
        seconds = report.seconds + time.perf_counter() - started
        self._reports[ready.index] = replace(report, seconds=seconds)

    def _near_end(self) -> int:
        """Which end of the stack is the nearer one; see `FusionSetup`."""
        positions = {index: report.position_mm for index, report in self._reports.items()}
        return near_end(self._nearness, positions)

    def rewind(self) -> None:
        """Take the first frame as the neighbour of the next one: call it between the two halves of a stack
        that is fused from its middle outward.
        """
        for chain in (self._chain, self._known):
            if chain is not None:
                chain.rewind()

    def preview(self, max_width_px: int = 800) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The picture so far, reduced.

        Parameters
        ----------
        max_width_px : int
            Width at most.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)
            RGB.

        Raises
        ------
        UserError
            When no frame has been added.
        """
        fused = self._require_frames().preview(max_width_px)
        crop = self._crop(fused)
        picture = fused.image[crop.slices_in(fused.extent)]
        width = min(max_width_px, crop.width)
        height = max(1, round(crop.height * width / crop.width))
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))

    def finish(self) -> Stack:
        """The stacked picture of all frames so far; more may be added afterwards.

        Raises
        ------
        UserError
            When no frame has been added, or nothing is common to all of them and only that was asked for.
        """
        for held in self._settle():
            self.fold(held)
        fusion = self._require_frames()
        fused = fusion.finish()
        assert self._first is not None
        crop = self._crop(fused)
        where = crop.slices_in(fused.extent)
        reports = sorted(self._reports.values(), key=lambda report: report.index)
        stack = Stack(
            image=np.ascontiguousarray(fused.image[where]),
            valid=fused.reached[where],
            origin_px=(crop.x, crop.y),
            reports=tuple(reports),
            shares=tuple(fused.shares.get(report.index, 0.0) for report in reports),
            sources=tuple(self._sources.get(report.index) for report in reports),
            depth=fused.depth.cropped(where) if fused.depth is not None else None,
            noise_sigma=self._noise,
            method=getattr(fusion, "method", self._options.method.value),
            reason=getattr(fusion, "reason", ""),
            frame_size=self._size,
            options=self._options,
            pupil_fit=None if self._registering is None else self._registering.pupil_fit(),
            metadata=replace(self._first, grey=self._grey),
            covered=self._covered(),
        )
        return described(stack)[0]

    def _covered(self) -> Covered | None:
        mask = None if self._registering is None else self._registering.covered
        return None if mask is None else Covered.by(mask, self._size)

    def _take(self, frame: Frame | Image | Path | str, number: int) -> Frame:
        if isinstance(frame, Frame):
            return frame
        if isinstance(frame, (Path, str)):
            return self._reader.read(frame)
        return as_frame(frame, f"frame {number}")

    def _begin(self, frame: Frame, position_mm: float | None) -> None:
        """Set everything up from the first frame."""
        options = self._options
        self._first, self._first_name = frame.metadata, frame.name
        self._size, self._dtype = (frame.width, frame.height), frame.pixels.dtype
        self._noise = estimate_noise(frame.pixels)
        self._chain = Chain(
            options.reference.matrix,
            self._geometry(position_mm),
            options.registration_width_px,
            options.align,
            options.exposure,
            options.model,
            self._first_levels,
            self._frames,
            self._hindsight,
        )

    def _geometry(self, first_mm: float | None) -> RailGeometry | None:
        view_mm, pupil_mm = self._options.reference.position_mm, self._options.pupil_distance_mm
        if view_mm is not None and (pupil_mm is None or first_mm is None):
            raise UserError(
                "A view at a rail position needs the pupil distance and the positions of the frames"
            )
        if pupil_mm is None or first_mm is None or not self._options.align:
            return None
        return RailGeometry(pupil_mm, first_mm if view_mm is None else view_mm)

    def _remember(self, number: int, frame: Frame) -> None:
        """Keep what a second look needs: the name of the file, or the array where there is no file."""
        if frame.source is not None:
            self._sources[number] = frame.source
        elif needs_second_look(self._options.method):
            self._arrays[number] = frame.pixels

    def _look_again(self, index: int) -> Image:
        """The pixels of a frame that has been added, as they were added."""
        if index in self._arrays:
            return self._arrays[index]
        source = self._sources[index]
        return read_again(source).pixels

    def _require_frames(self) -> Fusion:
        if self._fusion is None:
            raise UserError("There is no picture yet: no frame has been added")
        return self._fusion

    def _crop(self, fused: Fused) -> Window:
        """The part of the canvas that is shown, in (perhaps reduced) pixels of the reference view."""
        border = self._options.border
        if border is Border.REFERENCE:
            frame = Window(0, 0, self._size[0] // fused.step, self._size[1] // fused.step)
            return frame.intersection(fused.extent)
        if border is Border.COMMON:
            common = self._common.window()
            if common is None:
                raise UserError(
                    "No pixel is reached by all frames, so there is no common field: fill the border"
                )
            return common.reduced(fused.step).intersection(fused.extent)
        return reached_window(fused.reached, fused.extent)
