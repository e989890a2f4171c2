"""Which file of a frame is stacked while shooting."""

from __future__ import annotations

import pytest

from rig.frames.stacked_file import StackedFile, file_to_stack


@pytest.mark.parametrize(
    ("names", "jpeg", "raw"),
    [
        (["a.jpg", "a.arw"], 0, 1),
        (["A.CR3", "A.JPG"], 1, 0),
        (["a.nef"], 0, 0),
        (["a.jpg"], 0, 0),
        (["a.hif", "a.arw"], 1, 1),
        (["a.heic"], None, None),
        ([], None, None),
    ],
)
def test_the_file_that_is_stacked(names: list[str], jpeg: int | None, raw: int | None) -> None:
    assert file_to_stack(names) == jpeg
    assert file_to_stack(names, StackedFile.RAW) == raw
