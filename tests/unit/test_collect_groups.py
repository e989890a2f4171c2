"""Where stacks end in a folder: by pauses, by number, by both."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from rig.errors import UserError
from rig.events import Event, Note
from rig.frames.collect import Grouping, collect

sys.path.insert(0, str(Path(__file__).parents[1]))
from dropping import jpeg


@pytest.fixture
def brackets(tmp_path: Path) -> Path:
    """Six frames: two, a minute's pause, three, a pause of 4 s, one."""
    folder = tmp_path / "card"
    folder.mkdir()
    for number, at in enumerate((0, 0.5, 60, 60.5, 61, 65)):
        (folder / f"P{number}.JPG").write_bytes(jpeg(number, taken=1.7e9 + at))
    return folder


@pytest.mark.parametrize(
    ("grouping", "frames", "said"),
    [
        ({"gap_s": 2.0, "stacks": 3}, [2, 3, 1], ""),
        ({"count": 3, "stacks": 2}, [3, 3], ""),
        ({"count": 3, "gap_s": 10.0, "stacks": 2}, [2, 3], "only 2 of 3 frames came"),
    ],
)
def test_where_stacks_end(
    brackets: Path, tmp_path: Path, grouping: dict[str, Any], frames: list[int], said: str
) -> None:
    told: list[Event] = []
    wanted = Grouping(existing=True, **grouping)
    found = collect(brackets, wanted, tmp_path / "s", "x", threading.Event(), [told.append], stack=False)
    assert [one.frames for one in found] == frames
    assert len({one.session for one in found}) == len(frames)
    assert not said or any(isinstance(n, Note) and said in n.message for n in told)
    assert len(list(brackets.iterdir())) == 6


def test_what_ends_a_stack_when_nothing_is_said() -> None:
    assert Grouping().pause_s == 5.0
    assert Grouping(count=3).pause_s == float("inf")
    assert Grouping(count=3, gap_s=2.0).pause_s == 2.0


def test_a_pause_is_a_time_above_0(brackets: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--gap: 0 s is not above 0"):
        collect(brackets, Grouping(gap_s=0.0), tmp_path, "x", threading.Event())


def test_no_folder_to_watch(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*nowhere to watch"):
        collect(tmp_path / "nowhere", Grouping(), tmp_path, "x", threading.Event())
    assert not list(tmp_path.iterdir())
