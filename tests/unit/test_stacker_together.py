"""What several files of one run are when it ends in the middle of giving them their names."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from stacker import DataError
from stacker.io.together import Parts, together


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def begin(folder: Path, parts: Parts) -> list[tuple[Path, Path]]:
    """New things in hidden places: a stack folder, a file that was not there, and the picture."""
    finished = [(parts.place(folder / name), folder / name) for name in ("a.stack", "t.json", "a.tif")]
    finished[0][0].mkdir()
    (finished[0][0] / "stack.json").write_text("new")
    for part, _ in finished[1:]:
        part.write_text("new")
    return finished


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an earlier run has left."""
    (tmp_path / "a.stack").mkdir()
    for name in ("a.stack/stack.json", "a.stack/older.tif", "a.tif", "a-slab-002.tif"):
        (tmp_path / name).write_text("old")
    return tmp_path


def no_links(*names: Path, follow_symlinks: bool) -> None:
    raise PermissionError(errno.EPERM, "as on a memory card")


ALL_NEW = {"a.stack/stack.json": "new", "t.json": "new", "a.tif": "new"}


def test_all_get_their_names(folder: Path) -> None:
    with together() as parts:
        parts.publish(begin(folder, parts), [folder / "a-slab-002.tif"])
    assert tree(folder) == ALL_NEW


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("blocked", ["t.json", "a.tif", "b.tif"])
def test_one_that_cannot_have_its_name_leaves_all_as_it_was(
    folder: Path, blocked: str, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of that name has come meanwhile; on disks with and without links."""
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    before = tree(folder)
    (folder / blocked).unlink(missing_ok=True)
    (folder / blocked).mkdir()
    before.pop(blocked, None)
    with together() as parts:
        finished = [*begin(folder, parts), (parts.place(folder / "b.tif"), folder / "b.tif")]
        finished[-1][0].write_text("new")
        with pytest.raises(DataError, match=rf"{blocked} could not be written: File exists"):
            parts.publish(finished)
    assert tree(folder) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_comes_before_or_after_all_names(
    folder: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def interrupted(part: Path, path: Path) -> Path:
        os.kill(os.getpid(), number)
        return rename(part, path)

    def end(number: int, frame: object) -> None:
        raise SystemExit(number)

    monkeypatch.setattr(Path, "replace", interrupted)
    before = signal.signal(signal.SIGTERM, end)
    try:
        with together() as parts:
            finished = begin(folder, parts)
            with pytest.raises((KeyboardInterrupt, SystemExit)) as ended:
                parts.publish(finished, [folder / "a-slab-002.tif"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert str(ended.value) == ("when all was written already" if number == signal.SIGINT else str(number))
    assert tree(folder) == ALL_NEW
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
