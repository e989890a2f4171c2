"""A page as data: sections of blocks, of which `stacker.report.render` makes HTML.

Whoever has more to tell, such as a run with its verdicts, adds sections.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bar", "Block", "Card", "Cards", "Facts", "Page", "Picture", "Plot", "Prose", "Section", "Table"]


@dataclass(frozen=True)
class Prose:
    """Sentences, one a paragraph; ``warning`` gives them a frame."""

    texts: tuple[str, ...]
    warning: bool = False


@dataclass(frozen=True)
class Facts:
    """Pairs of what and how much."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of text under heads; numbers are those of ``numeric`` columns."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    folded: bool = False


@dataclass(frozen=True)
class Bar:
    """A legend of colours: CSS colours from left to right, and what the ends and the middle mean."""

    colours: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A JPEG or PNG within the page.

    Attributes
    ----------
    data : bytes
        The file.
    alt : str
        What is to be seen, for who does not see it.
    caption : str
        Below it.
    size_px : tuple of int
        Width and height.
    bar : Bar or None
        What its colours mean.
    """

    data: bytes
    alt: str
    caption: str
    size_px: tuple[int, int]
    bar: Bar | None = None

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return "image/png" if self.data.startswith(b"\x89PNG") else "image/jpeg"


@dataclass(frozen=True)
class Plot:
    """An SVG within the page; takes the page's colour for what it draws in black."""

    svg: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Card:
    """A frame: its small picture, if there is one, its name, facts, and marks such as ``never used``."""

    title: str
    picture: Picture | None
    facts: tuple[tuple[str, str], ...]
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cards:
    """Frames side by side."""

    cards: tuple[Card, ...]


Block = Prose | Facts | Table | Picture | Plot | Cards


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes
    ----------
    key : str
        Names it within the page, for links; letters and hyphens.
    title : str
        For people.
    blocks : tuple of Block
        In order.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes
    ----------
    title, summary : str
        What it is of, and that in a line.
    sections : tuple of Section
        In order.
    simulated : bool
        No real camera took what is shown.
    software : str
        What made the page.
    """

    title: str
    summary: str
    sections: tuple[Section, ...]
    simulated: bool
    software: str
