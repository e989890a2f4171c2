"""Frames along a line, drawn: where each is taken, how deep it is sharp, overlaps and gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rig.plots.canvas import ACCENT, GUIDE, INK, SECOND, WARN

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["Track", "draw_frames", "draw_travel", "window_frames"]

_ALL_FRAMES = 18
"""So many rows of the detail are still told apart; of more frames the first ones are shown."""
_FIRST_FRAMES = 12
_FEWEST_ROWS = 5

_SINGLE_LINES = 400
"""More frames than that are no lines on a screen any more, but a pattern that means nothing."""

_BAND = (0.56, 0.3)
"""Bottom and height of what is sharp, in the picture of the whole travel."""

_BAR, _SHARED = 0.62, 0.28
"""Height of a frame's bar in its row; opacity of what two frames have in common."""


@dataclass(frozen=True)
class Track:
    """What is drawn.

    Parameters
    ----------
    positions : tuple of float
        In shooting order, in the unit of the axis.
    depth : float or None
        How much is sharp around each position; None when not known.
    label : str
        Of the axis along the travel.
    margin : int
        How many of the first, and as many of the last, frames are a margin.
    approach : float or None
        Where the run-up to the first position begins.
    limits : tuple of float, or None
        The ends of what can be reached.
    write : callable
        Writes a length along the axis for people.
    names : tuple of str
        Drive units to call the frames by in the detail, instead of their numbers.
    unknown : str
        What is missing when there is no depth.
    """

    positions: tuple[float, ...]
    depth: float | None
    label: str
    write: Callable[[float], str]
    margin: int = 0
    approach: float | None = None
    limits: tuple[float, float] | None = None
    names: tuple[str, ...] = ()
    unknown: str = "depth of field not known"

    @property
    def gaps(self) -> npt.NDArray[np.intp]:
        """Indices of the frames after which there is a gap."""
        if self.depth is None:
            return np.empty(0, np.intp)
        return np.flatnonzero(np.abs(np.diff(self.positions)) > self.depth * (1 + 1e-9))

    @property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest place that has to be in the picture."""
        half = (self.depth or 0.0) / 2
        ends = [min(self.positions) - half, max(self.positions) + half]
        if self.approach is not None:
            ends.append(self.approach)
        low, high = min(ends), max(ends)
        pad = 0.06 * (high - low) or abs(high) * 0.01 or 1.0
        return low - pad, high + pad


def window_frames(track: Track) -> int:
    """Return how many frames the detail shows: all of a few, else the first ones."""
    count = len(track.positions)
    return count if count <= _ALL_FRAMES else _FIRST_FRAMES


def draw_travel(ax: Axes, track: Track) -> None:
    """Draw the whole travel: what is sharp, the positions, the run-up and the limits."""
    x = np.asarray(track.positions)
    low, high = track.reach
    ax.set_xlim(low, high)
    ax.set_ylim(0, 1)
    ax.ticklabel_format(axis="x", useOffset=False, style="plain")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False)
    if track.depth is not None:
        _draw_coverage(ax, x, track.depth)
    _draw_positions(ax, track, x)
    if len(x) > 1:
        ax.annotate("", (x[-1], 0.27), (x[0], 0.27), arrowprops={"arrowstyle": "->", "color": INK, "lw": 0.9})
    if track.margin:
        _note(ax, x[0], 0.18, f"margin: {track.margin} at each end", SECOND, track)
    if track.approach is not None and track.approach != x[0]:
        style = {"arrowstyle": "->", "color": GUIDE, "lw": 0.9}
        ax.annotate("", (x[0], 0.27), (track.approach, 0.27), arrowprops=style)
        place = 0.07 if track.margin else 0.18
        _note(ax, track.approach, place, f"run-up {track.write(abs(x[0] - track.approach))}", INK, track)
    _draw_limits(ax, track)
    shown = window_frames(track)
    if shown < len(x):
        _mark_window(ax, x[:shown], (track.depth or 0.0) / 2)
    ax.set_xlabel(track.label)


def _note(ax: Axes, x: float, y: float, text: str, colour: str, track: Track) -> None:
    """Text at a place, on the side of it where there is more room."""
    low, high = track.reach
    side = "left" if x - low < high - x else "right"
    ax.text(x, y, text, color=colour, size=7.5, ha=side, va="center")


def _draw_positions(ax: Axes, track: Track, x: npt.NDArray[np.float64]) -> None:
    if len(x) > _SINGLE_LINES:
        ax.broken_barh([(x.min(), np.ptp(x))], (0.34, 0.16), color=GUIDE, lw=0)
        return
    colours = np.full(len(x), INK, dtype=object)
    if track.margin:
        colours[: track.margin] = colours[-track.margin :] = SECOND
    ax.vlines(x, 0.34, 0.5, colors=list(colours), linewidth=float(np.clip(300 / len(x), 0.3, 1.2)))


def _draw_coverage(ax: Axes, x: npt.NDArray[np.float64], depth: float) -> None:
    """What is sharp in any frame, darker where in more than one, and the gaps between."""
    starts = np.sort(x) - depth / 2
    pitch = np.diff(starts)
    whole = pitch > depth * (1 + 1e-9)
    first = starts[np.insert(whole, 0, True)]
    last = starts[np.append(whole, True)] + depth
    ax.broken_barh(list(zip(first, last - first, strict=True)), _BAND, color=ACCENT, alpha=0.45, lw=0)
    if len(x) <= _SINGLE_LINES:
        shared = np.clip(depth - pitch, 0, pitch)
        ax.broken_barh(list(zip(starts[1:], shared, strict=True)), _BAND, color=ACCENT, alpha=_SHARED, lw=0)
    gaps = list(zip(last[:-1], first[1:] - last[:-1], strict=True))
    if len(gaps) > _SINGLE_LINES:  # no single one would be seen
        gaps = [(last[0], first[-1] - last[0])]
    ax.broken_barh(gaps, _BAND, color=WARN, lw=0.4)


def _draw_limits(ax: Axes, track: Track) -> None:
    """The limits where they are in the picture, else a word at its edge."""
    if track.limits is None:
        return
    low, high = ax.get_xlim()
    for limit, edge, side, sign in ((track.limits[0], low, "left", -1), (track.limits[1], high, "right", 1)):
        text = f"limit {track.write(limit)}"
        if low <= limit <= high:
            ax.axvspan(limit, edge, facecolor="#eeeeee", edgecolor=GUIDE, hatch="////", lw=0)
            ax.axvline(limit, color=WARN, lw=1.2)
            ax.text(
                limit, 0.99, f" {text} ", color=WARN, size=7.5, va="top", ha="right" if sign > 0 else "left"
            )
        else:
            arrow = f"← {text}" if sign < 0 else f"{text} →"
            ax.text(edge, 0.99, arrow, color=GUIDE, size=7.5, va="top", ha=side)


def _mark_window(ax: Axes, x: npt.NDArray[np.float64], half: float) -> None:
    ax.add_artist(_box(float(x.min() - half), 0.3, float(np.ptp(x) + 2 * half), 0.6, INK, fill=False))


def draw_frames(ax: Axes, track: Track) -> None:
    """Draw the frames one below the other, each with what is sharp in it; all of a few, else the first."""
    count = window_frames(track)
    x = np.asarray(track.positions[:count])
    rows = np.arange(count)
    if track.depth is not None:
        _draw_bars(ax, track, x, track.depth)
    colours = [SECOND if i < track.margin or i >= len(track.positions) - track.margin else INK for i in rows]
    ax.scatter(x, rows, s=12, c=colours, zorder=3)
    spare = max(0, _FEWEST_ROWS - count) / 2
    ax.set_ylim(count - 0.4 + spare, -0.6 - spare)
    ax.set_axisbelow(True)
    ax.ticklabel_format(axis="x", useOffset=False, style="plain")
    every = max(1, count // 12)
    ax.set_yticks(rows[::every], [_name(track, i) for i in rows[::every]])
    ax.set_ylabel("drive units" if track.names else "frame")
    ax.grid(visible=False, axis="y")
    half = (track.depth or 0.0) / 2
    low, high = float(x.min() - half), float(x.max() + half)
    pad = 0.04 * (high - low) or abs(high) * 0.01 or 1.0
    ax.set_xlim(low - pad, high + pad)
    ax.set_xlabel(track.label)
    if track.depth is None:
        ax.set_title(f"{track.unknown}: overlaps cannot be shown", size=9, color=WARN, loc="left")
    else:
        which = f"the first {count} frames (boxed above)" if count < len(track.positions) else "frames"
        shared = "; red is sharp in none" if len(track.gaps) else "; dark is shared" if count > 1 else ""
        ax.set_title(f"{which}, as deep as they are sharp{shared}", size=9, loc="left")


def _name(track: Track, index: int) -> str:
    return track.names[index] if track.names else str(index + 1)


def _draw_bars(ax: Axes, track: Track, x: npt.NDArray[np.float64], depth: float) -> None:
    gaps = set(track.gaps.tolist())
    for row, centre in enumerate(x):
        ax.add_artist(_box(centre - depth / 2, row - _BAR / 2, depth, _BAR, ACCENT, alpha=0.55))
        if row + 1 == len(x):
            break
        way = 1 if x[row + 1] > centre else -1
        end, begin = centre + way * depth / 2, x[row + 1] - way * depth / 2
        left, width = min(end, begin), abs(begin - end)
        colour = WARN if row in gaps else ACCENT
        strength = 0.85 if row in gaps else _SHARED
        ax.add_artist(_box(left, row - _BAR / 2, width, 1 + _BAR, colour, alpha=strength))
    if gaps:
        row = min(gaps)
        if row + 1 < len(x):
            gap = abs(x[row + 1] - x[row]) - depth
            middle = (x[row] + x[row + 1]) / 2
            ax.annotate(
                f"gap {track.write(gap)}",
                (middle, row + 0.5),
                xytext=(0, -26),
                textcoords="offset points",
                color=WARN,
                size=8,
                weight="bold",
                ha="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            )


def _box(
    x: float, y: float, width: float, height: float, colour: str, *, fill: bool = True, alpha: float = 1.0
) -> Artist:
    from matplotlib.patches import Rectangle

    face, edge = (colour, "none") if fill else ("none", colour)
    return Rectangle((x, y), width, height, facecolor=face, edgecolor=edge, alpha=alpha, lw=0.8)
