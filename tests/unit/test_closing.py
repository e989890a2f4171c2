"""What has begun is undone when what comes next fails, and only then."""

from __future__ import annotations

import pytest

from rig.closing import on_failure


def test_what_fails_is_undone_and_told() -> None:
    undone: list[str] = []
    with pytest.raises(KeyboardInterrupt), on_failure(lambda: undone.append("closed")):
        raise KeyboardInterrupt
    assert undone == ["closed"]


def test_what_goes_well_stays() -> None:
    undone: list[str] = []
    with on_failure(lambda: undone.append("closed")):
        pass
    assert undone == []
