"""Pictures that turn up in folders within the watched one: a card's DCIM, a tether program's folder a day."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rig.cameras.arrivals import ArrivedFrame, FolderWatch

DONE, DATA = cv2.imencode(".jpg", np.full((8, 8, 3), 128, np.uint8))


class Hands:
    """A folder, and a watch of it whose clock is turned by hand."""

    def __init__(self, folder: Path, files_per_frame: int = 1, *, subfolders: bool = True) -> None:
        self.folder, self.now_s = folder, 0.0
        self.watch = FolderWatch(folder, files_per_frame, subfolders=subfolders, now=lambda: self.now_s)

    def put(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(DATA.tobytes())

    def look(self) -> list[ArrivedFrame]:
        self.watch.look()
        self.now_s += 5.0
        return self.watch.look()

    def names(self) -> list[str]:
        return [f.files[0].relative_to(self.folder).as_posix() for f in self.look()]


def test_only_the_folder_itself_counts_unless_asked(tmp_path: Path) -> None:
    hands = Hands(tmp_path, subfolders=False)
    hands.put("a.jpg", "DCIM/100MSDCF/b.jpg")
    assert hands.names() == ["a.jpg"]


def test_folders_within_count_in_order_and_one_name_may_come_twice(tmp_path: Path) -> None:
    (tmp_path / "2026-11-21").mkdir()
    (tmp_path / "2026-11-21" / "old.jpg").write_bytes(DATA.tobytes())
    hands = Hands(tmp_path)
    assert hands.watch.old == 1
    hands.put("2026-11-22/c.jpg", "2026-11-22/d10.jpg", "2026-11-22/d9.jpg")
    first = hands.look()
    assert [f.name for f in first] == ["c.jpg", "d9.jpg", "d10.jpg"]
    for frame in first:
        hands.watch.take(frame)
    hands.put("2026-11-23/c.jpg", "c.jpg")  # a folder that is new, and names that have been before
    assert sorted(hands.names()) == ["2026-11-23/c.jpg", "c.jpg"]
    assert not hands.watch.strays()


def test_a_pair_is_of_one_folder(tmp_path: Path) -> None:
    hands = Hands(tmp_path, 2)
    hands.put("100/a.jpg", "101/a.jpeg")
    assert not hands.look()
    hands.put("101/a.jpg")
    (frame,) = hands.look()
    assert {path.parent.name for path in frame.files} == {"101"}


@pytest.mark.parametrize("name", [".trash/a.jpg", "1/2/3/4/5/a.jpg", "sessions/2026_ring/frames/a.jpg"])
def test_hidden_folders_deep_ones_and_our_own_are_passed_over(tmp_path: Path, name: str) -> None:
    hands = Hands(tmp_path)
    hands.put(name, "1/2/3/4/b.jpg")
    (tmp_path / "sessions" / "2026_ring").mkdir(parents=True, exist_ok=True)
    (tmp_path / "sessions" / "2026_ring" / "journal.jsonl").write_text("")
    assert hands.names() == ["1/2/3/4/b.jpg"]


def test_a_link_in_a_circle_is_not_followed(tmp_path: Path) -> None:
    hands = Hands(tmp_path)
    hands.put("day/a.jpg")
    (tmp_path / "day" / "again").symlink_to(tmp_path)
    assert hands.names() == ["day/a.jpg"]
