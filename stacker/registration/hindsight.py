"""What a stack shows in the course of it that its first frames had better been registered by."""

from __future__ import annotations

from dataclasses import dataclass

from stacker.frames import Image

__all__ = ["Hindsight"]


@dataclass(frozen=True)
class Hindsight:
    """What is known of all frames of a stack.

    Attributes
    ----------
    moves : bool
        Whether it is known that frames move, slow as it may be; else they may be found to stand still.
    overlay : ndarray of uint8, shape (h, w), optional
        Not 0 where something lies over the subject that does not move with it; of the size at which frames
        are matched. See `stacker.registration.overlay`.
    """

    moves: bool = False
    overlay: Image | None = None
