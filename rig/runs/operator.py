"""The person at the rig, as far as a run needs one."""

from __future__ import annotations

from typing import Protocol

from rig.axes.hand import Hand

__all__ = ["Operator"]


class Operator(Hand, Protocol):
    """Is asked what no device can tell, and does by hand what no device does."""

    def confirm(self, question: str) -> None:
        """Ask for a yes; anything else raises UserError."""
        ...

    def ask_position_mm(self, question: str) -> float:
        """Ask where the carriage stands; raises UserError when nobody can answer."""
        ...
