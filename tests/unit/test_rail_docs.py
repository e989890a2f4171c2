"""What docs/ tell of rails is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rig.axes.registry import drivers
from rig.axes.wemacro_protocol import crc16

DOCS = Path(__file__).parents[2] / "docs"
FRAME = re.compile(r"^ *\d*\.?\d* *([<>]) ((?:[0-9a-f]{2} )*[0-9a-f]{2}) {2,}", re.MULTILINE)


def _section(title: str) -> str:
    text = (DOCS / "rail-transcripts.md").read_text("utf-8")
    return text.split(f"## {title}", 1)[1].split("\n## ", 1)[0]


def test_every_driver_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "rails.md").read_text("utf-8"), re.MULTILINE)
    assert set(rows) == set(drivers())


@pytest.mark.parametrize(
    ("title", "sizes"),
    [("WeMacro", {">": 12, "<": 3}), ("MJKZZ", {">": 8, "<": 8}), ("Trinamic", {">": 9, "<": 9})],
)
def test_every_frame_of_the_transcripts_is_whole(title: str, sizes: dict[str, int]) -> None:
    frames = [(way, bytes.fromhex(text)) for way, text in FRAME.findall(_section(title))]
    assert len(frames) > 10
    for way, data in frames:
        assert len(data) == sizes[way]
        if title == "WeMacro":
            assert way == "<" or crc16(data[:10]) == int.from_bytes(data[10:], "little")
        else:
            assert sum(data[:-1]) % 256 == data[-1]
