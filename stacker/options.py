"""What can be asked of the stacker."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from stacker.errors import UserError
from stacker.fusion.methods import Method, takes_nearness
from stacker.fusion.scoring import FusionParameters
from stacker.io.development import Development
from stacker.order import Order
from stacker.registration.model import MotionModel
from stacker.registration.similarity import Matrix

__all__ = ["Border", "Method", "MotionModel", "Options", "Order", "ReferenceView", "Unregistered"]


class Border(Enum):
    """How much of the canvas the result shows."""

    FILL = "fill"
    """Everything that any frame reaches, filled from those that do."""
    COMMON = "common"
    """What all used frames reach: nowhere is anything filled."""
    REFERENCE = "reference"
    """The frame of the reference view: the size of the frames."""


class Unregistered(Enum):
    """What becomes of a frame that cannot be registered."""

    PREDICT = "predict"
    """It is placed where the motion so far (or the rail) says, and reported."""
    DROP = "drop"
    """It is left out, and reported."""


_CHOICES: dict[str, type[Enum]] = {
    "method": Method,
    "model": MotionModel,
    "unregistered": Unregistered,
    "border": Border,
}
"""Options that are one of a few: a name instead ("auto") would fail far from here."""


@dataclass(frozen=True)
class ReferenceView:
    """The view that all frames are registered to.

    Attributes
    ----------
    first_to_view : tuple of 9 floats or None
        Row by row, the 3 × 3 transform of the first frame added into the view. None: that frame is the view.
    position_mm : float or None
        Rail position of the view; with positions and a pupil distance, frames get the scale that geometry
        says they have there. Takes the place of ``first_to_view``.
    """

    first_to_view: tuple[float, ...] | None = None
    position_mm: float | None = None

    @classmethod
    def first_frame(cls) -> ReferenceView:
        """The first frame that is added."""
        return cls()

    @classmethod
    def declared(cls, first_to_view: Matrix) -> ReferenceView:
        """A view into which the first frame is taken by a known transform of pixels, shape (3, 3)."""
        return cls(tuple(float(value) for value in np.asarray(first_to_view, float).reshape(9)))

    @classmethod
    def at_position(cls, position_mm: float) -> ReferenceView:
        """The view from a rail position, in mm, for example the middle of a planned run."""
        return cls(position_mm=position_mm)

    @property
    def matrix(self) -> Matrix:
        """First frame to view, 3 × 3."""
        return np.eye(3) if self.first_to_view is None else np.array(self.first_to_view).reshape(3, 3)


@dataclass(frozen=True)
class Options:
    """Settings of a stack; the defaults suit frames of any kind.

    Attributes
    ----------
    method : Method
        How to fuse.
    opaque_foreground : bool
        Far detail never shines through what is before it: the nearest sharp thing wins. For subjects without
        glass or wings; costs a little at the far side of edges.
    order : Order or None
        Which end of the stack comes first; an opaque foreground needs it, unless positions tell.
    align : bool
        Register the frames.
    model : MotionModel
        What registration fits: a similarity (scale, rotation and shift), by default with perspective where
        frames plainly show it; or always more.
    exposure : bool
        Match brightness, channel by channel.
    reference : ReferenceView
        The view of the result.
    pupil_distance_mm : float or None
        From the lens's entrance pupil to the plane of focus. With the positions of the frames it makes the
        scale of the chain right; see `stacker.registration.rail.RailGeometry`.
    unregistered : Unregistered
        What to do with frames that cannot be registered.
    border : Border
        How much of the canvas to keep.
    registration_width_px : int
        Frames are matched at this width at most, 64 to 10000.
    fusion : FusionParameters
        How hard to choose between frames.
    development : Development
        How RAW frames become pictures, and what is grey.
    scratch_dir : Path or None
        Where registered frames may be kept until the picture is finished, in a file without a name: some 4
        bytes a pixel of 8-bit frames, and at most a quarter of what is free there. The system's folder for
        temporary files by default, which is memory on some systems.
    """

    method: Method = Method.AUTO
    opaque_foreground: bool = False
    order: Order | None = None
    align: bool = True
    model: MotionModel = MotionModel.AUTO
    exposure: bool = True
    reference: ReferenceView = field(default_factory=ReferenceView)
    pupil_distance_mm: float | None = None
    unregistered: Unregistered = Unregistered.PREDICT
    border: Border = Border.FILL
    registration_width_px: int = 1000
    fusion: FusionParameters = field(default_factory=FusionParameters)
    scratch_dir: Path | None = None
    development: Development = field(default_factory=Development)

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if not isinstance(getattr(self, name), kind):
                among = ", ".join(str(choice) for choice in kind)
                raise UserError(f"{name} must be one of {among}, not {getattr(self, name)!r}")
        if self.pupil_distance_mm is not None and not self.pupil_distance_mm > 0:
            raise UserError(f"The pupil distance must be above 0 mm, not {self.pupil_distance_mm:g} mm")
        if self.opaque_foreground and not takes_nearness(self.method):
            raise UserError(f"An opaque foreground is for other methods than {self.method.value}")
        if not 64 <= self.registration_width_px <= 10_000:
            raise UserError(
                f"The registration width must be 64 to 10000 px, not {self.registration_width_px} px"
            )
