"""Draws a page's curves as SVG that takes the page's colour."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = ["Along", "Curve", "bars", "curves"]

_INK = "#010203"
"""Stands for the page's own colour, dark or light; nothing else has this one."""

_COLOURS = ("#d55e00", "#009e73", "#0072b2")
_MARKERS = ("o", "s", "^")
"""Okabe and Ito's colours, told apart by colour-blind eyes on white and on black, and shapes for who prints
in grey. In the order of red, green and blue."""

_UNUSED = "#999999"

_SIZE_IN = (5.2, 2.7)

_MARGINS = {"left": 0.15, "right": 0.98, "bottom": 0.18, "top": 0.88}
"""Fixed: letting matplotlib find them takes as long as drawing."""

_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "legend.frameon": False,
    "axes.formatter.useoffset": False,
    "svg.fonttype": "none",  # words stay words, for who searches or hears the page
    "svg.hashsalt": "focusrig",
    "font.sans-serif": ["system-ui", "DejaVu Sans", "sans-serif"],
}


@dataclass(frozen=True)
class Along:
    """What is drawn against: rail positions or frame numbers."""

    values: tuple[float, ...]
    label: str
    whole: bool
    """Only whole numbers mean something."""


@dataclass(frozen=True)
class Curve:
    """One of a plot's curves, a value for every frame."""

    name: str
    values: tuple[float, ...]


def curves(key: str, along: Along, drawn: Sequence[Curve], label: str) -> str:
    """Points joined by lines, in the order of the frames.

    Parameters
    ----------
    key : str
        Unique on the page.
    along : Along
        Of the horizontal axis.
    drawn : sequence of Curve
        Three at most; one of them needs no name.
    label : str
        Of the vertical axis, with its unit.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(_SIZE_IN)
        axes = figure.subplots(gridspec_kw=_MARGINS)
        order = sorted(range(len(along.values)), key=lambda at: along.values[at])
        for curve, colour, marker in zip(
            drawn, _COLOURS if len(drawn) > 1 else _COLOURS[2:], _MARKERS, strict=False
        ):
            across, up = ([values[at] for at in order] for values in (along.values, curve.values))
            axes.plot(across, up, color=colour, marker=marker, markersize=3.5, lw=1.2, label=curve.name)
        if len(drawn) > 1:
            axes.legend(ncols=len(drawn), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
        return _finished(figure, axes, key, along, label)


def bars(key: str, along: Along, heights: Sequence[float], unused: Sequence[bool], label: str) -> str:
    """A bar a frame; those of frames that are not used are crosses on the axis."""
    with mpl.rc_context(_STYLE):
        figure = Figure(_SIZE_IN)
        axes = figure.subplots(gridspec_kw=_MARGINS)
        places = sorted(along.values)
        gaps = [after - before for before, after in pairwise(places) if after > before]
        axes.bar(along.values, heights, width=0.8 * min(gaps, default=1.0), color=_COLOURS[2])
        empty = [x for x, none in zip(along.values, unused, strict=True) if none]
        if empty:
            axes.plot(empty, [0] * len(empty), "x", color=_COLOURS[0], clip_on=False, label="never used")
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
        axes.set_ylim(bottom=0)
        return _finished(figure, axes, key, along, label)


def _finished(figure: Figure, axes: mpl.axes.Axes, key: str, along: Along, label: str) -> str:
    axes.set_xlabel(along.label)
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=along.whole))
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    # Neither belongs into a page: data about the file, and style that would hold for all of the page.
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    # Several plots share a page, so each has names of its own.
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r'href="#', f'href="#{key}-', svg)
    return re.sub(r"url\(#", f"url(#{key}-", svg).replace(_INK, "currentColor")
