"""How ``stacker fuse`` registers: the view, the positions, transforms from before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stacker.errors import UserError

if TYPE_CHECKING:
    from stacker.io.positions import Positions
    from stacker.registration.saved import SavedTransforms

__all__ = ["RegistrationModel", "RegistrationOptions"]


class RegistrationModel(Enum):
    """What registration fits."""

    AUTO = "auto"
    SIMILARITY = "similarity"
    AFFINE = "affine"
    HOMOGRAPHY = "homography"


@dataclass(frozen=True)
class RegistrationOptions:
    """How the frames are registered to one another."""

    reference: Annotated[
        str,
        typer.Option(
            help="Whose view the picture has: first, middle, last, or a number from 1.",
            rich_help_panel="Registration",
        ),
    ] = "middle"
    align: Annotated[
        bool,
        typer.Option(
            "--align/--no-align",
            help="Register the frames to one another.",
            rich_help_panel="Registration",
        ),
    ] = True
    model: Annotated[
        RegistrationModel,
        typer.Option(
            help="auto: scale, rotation and shift, and perspective where the frames plainly show it, as of a "
            "camera in the hand. similarity: never perspective. affine: also stretch and shear, for scanned "
            "frames. homography: also perspective, for a camera that tilts. More freedom follows more noise.",
            rich_help_panel="Registration",
        ),
    ] = RegistrationModel.AUTO
    exposure: Annotated[
        bool,
        typer.Option(
            "--exposure/--no-exposure",
            help="Make the frames equally bright, channel by channel.",
            rich_help_panel="Registration",
        ),
    ] = True
    positions: Annotated[
        str | None,
        typer.Option(
            metavar="FILE | STEP | none",
            help="Rail positions, growing towards the subject: a file (text, CSV or JSON) with a length per "
            'frame, or a step such as "0.5mm". Frames of a rig session, or with a RailPosition in their XMP, '
            'bring their own; "none" ignores them.',
            rich_help_panel="Registration",
        ),
    ] = None
    pupil_distance: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH",
            help='From the entrance pupil to the plane of focus, such as "84mm": with positions it says how '
            "the size of the frames changes.",
            rich_help_panel="Registration",
        ),
    ] = None
    save_transforms: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write where the frames lie, as JSON.",
            rich_help_panel="Registration",
        ),
    ] = None
    use_transforms: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Do not register, but take the transforms of such a file: the same set under other light.",
            rich_help_panel="Registration",
        ),
    ] = None
    drop_unregistered: Annotated[
        bool,
        typer.Option(
            "--drop-unregistered",
            help="Leave out frames that cannot be registered, instead of placing them between neighbours.",
            rich_help_panel="Registration",
        ),
    ] = False

    def reference_index(self, count: int) -> int | None:
        """Place of the frame whose view the picture has, from 0; None for the one in the middle.

        Raises
        ------
        UserError
            When there is no such frame.
        """
        named = {"first": 0, "middle": None, "last": count - 1}
        if self.reference in named:
            return named[self.reference]
        if self.reference.isdecimal() and 1 <= int(self.reference) <= count:
            return int(self.reference) - 1
        raise UserError(
            f"--reference is first, middle, last or a number from 1 to {count}, not {self.reference}"
        )

    def found_positions(self, paths: Sequence[Path]) -> Positions | None:
        """Where on the rail the frames were taken, as was said or as they say; None when nobody does."""
        from stacker.io.positions import find_positions, read_positions

        if self.positions == "none":
            return None
        return find_positions(paths) if self.positions is None else read_positions(self.positions, paths)

    def pupil_mm(self, where: Positions | None) -> float | None:
        """The pupil distance that was said, or that the session knows.

        Raises
        ------
        UserError
            When it was said, and nobody knows where the frames were taken.
        """
        from stacker.units import parse_length_mm

        if self.pupil_distance is None:
            return where.pupil_distance_mm if where else None
        if where is None:
            raise UserError("--pupil-distance needs the positions of the frames: add --positions")
        return parse_length_mm(self.pupil_distance, "--pupil-distance")

    def known_transforms(self) -> SavedTransforms | None:
        """The transforms of ``--use-transforms``."""
        from stacker.registration.saved import load_transforms

        return load_transforms(self.use_transforms) if self.use_transforms else None
