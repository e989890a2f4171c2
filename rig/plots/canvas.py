"""The sheet that every plot is drawn on, and the one way in which it becomes a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.atomic import write_atomically
from rig.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ACCENT", "FORMATS", "GUIDE", "INK", "SECOND", "WARN", "check_plot_path", "sheet"]

FORMATS = (".svg", ".png")
"""Endings of file names that a plot can have."""

INK, GUIDE = "#222222", "#9a9a9a"
"""Lines and text; grid lines and what is there for comparison only."""

ACCENT, SECOND, WARN = "#0072b2", "#d55e00", "#cc3311"
"""The curve that matters, the one beside it, and what is wrong: told apart by colour-blind eyes, too."""

_DPI = 150
_BANNER_IN = 0.2
"""Height of the line that says SIMULATED."""
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "path",  # a viewer without our font shows the same picture
    "svg.hashsalt": "focusrig",  # the same plot is the same file
}


def check_plot_path(path: Path) -> None:
    """Check that a plot can be written there before anything is worked out, or moved, for it.

    Raises
    ------
    UserError
        When the ending is neither ``.svg`` nor ``.png``, or the folder does not exist.
    """
    if path.suffix.lower() not in FORMATS:
        ending = f'ends in "{path.suffix}"' if path.suffix else "has no ending"
        raise UserError(f"--plot: {path} {ending}; write a name that ends in .svg or .png")
    if not path.parent.is_dir():
        raise UserError(f"--plot: the folder {path.parent} does not exist; make it first, or write elsewhere")


@contextmanager
def sheet(path: Path, width_in: float, height_in: float, *, simulated: bool = False) -> Iterator[Figure]:
    """Lend an empty figure and write it to `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        Ends in ``.svg`` or ``.png``; an older file is replaced as a whole.
    width_in, height_in : float
        Size in inches; at 150 dots per inch for PNG.
    simulated : bool
        Writes SIMULATED across a corner: the numbers come from the simulated bench.

    Yields
    ------
    matplotlib.figure.Figure
        Laid out by its ``constrained`` engine; no window, no global state of pyplot.

    Raises
    ------
    UserError
        When the path cannot be a plot.
    DataError
        When the disk is full.
    """
    check_plot_path(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with rc_context(_STYLE):
        engine = ConstrainedLayoutEngine()
        figure = Figure(figsize=(width_in, height_in), layout=engine, facecolor="white")
        yield figure
        if simulated:
            engine.set(rect=(0, 0, 1, 1 - _BANNER_IN / height_in))
            figure.text(0.995, 0.995, "SIMULATED", ha="right", va="top", color=WARN, weight="bold", size=8)
        out = io.BytesIO()
        ending = path.suffix.lower().removeprefix(".")
        # No date inside: a figure of the documentation changes when its numbers do, not every day.
        metadata = {"Date": None} if ending == "svg" else {}
        figure.savefig(out, format=ending, dpi=_DPI, metadata=metadata)
    write_atomically(path, out.getvalue())
