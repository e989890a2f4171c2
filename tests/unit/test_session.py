"""A session's names, and the state of a run as the replay of its journal."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import DataError, UserError
from rig.session import RunState, Session, check_template

_DAY = date(2026, 11, 22)


def _save(session: Session, index: int, data: bytes = b"pixels") -> None:
    part = session.incoming / f"{index}.part"
    part.write_bytes(data)
    file = session.publish(part, session.frame_name(index, index * 0.5, ".JPG"))
    entry = session.file_entry(file, len(data), hashlib.sha256(data).hexdigest())
    session.journal.append("frame_saved", index=index, position_mm=index * 0.5, files=[entry])


def _create(root: Path, *, simulated: bool = False) -> Session:
    session = Session.create(root, "beetle", simulated=simulated, today=_DAY)
    session.journal.append(
        "session_started", name="beetle", template="{name}_{index:04d}", simulated=simulated
    )
    return session


def test_folders_count_up(tmp_path: Path) -> None:
    folders = []
    for _ in range(3):
        session = Session.create(tmp_path, "beetle", simulated=False, today=_DAY)
        folders.append(session.folder.name)
        session.close()
    assert folders == ["2026-11-22_beetle", "2026-11-22_beetle_02", "2026-11-22_beetle_03"]


def test_simulated_says_so_in_every_name(tmp_path: Path) -> None:
    session = _create(tmp_path, simulated=True)
    assert "SIMULATED" in session.folder.name
    assert session.frame_name(0, 0.0, ".jpg") == "SIMULATED_beetle_0001.jpg"
    session.close()


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden"])
def test_names_that_are_no_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="plain name"):
        Session.create(tmp_path, name, simulated=False)


@pytest.mark.parametrize(
    ("template", "trouble"),
    [
        ("{name}", "two frames the same name"),
        ("{position_um}", "two frames the same name"),
        ("{index.foo}", "cannot be used"),
        ("{nmae}_{index}", "fields are"),
        ("{index", "cannot be used"),
        ("../{index}", "plain file name"),
    ],
)
def test_templates_that_lose_frames_are_refused(template: str, trouble: str) -> None:
    with pytest.raises(UserError, match=trouble):
        check_template(template)


def test_a_frame_is_never_overwritten(tmp_path: Path) -> None:
    session = _create(tmp_path)
    _save(session, 0)
    part = session.incoming / "again.part"
    part.write_bytes(b"other")
    with pytest.raises(DataError, match="exists already"):
        session.publish(part, session.frame_name(0, 0.0, ".jpg"))
    assert (session.frames_folder / "beetle_0001.jpg").read_bytes() == b"pixels"
    session.close()


def test_resume_shoots_again_what_is_missing_changed_or_unjournaled(tmp_path: Path) -> None:
    session = _create(tmp_path)
    for index in range(4):
        _save(session, index)
    (session.frames_folder / "beetle_0002.jpg").unlink()
    (session.frames_folder / "beetle_0003.jpg").write_bytes(b"pixelX")
    (session.frames_folder / "beetle_0005.jpg").write_bytes(b"published, but power went before the journal")
    session.close()

    again, first = Session.open(session.folder)
    assert first["name"] == "beetle"
    state = again.state(5)
    assert sorted(state.saved) == [0, 3]
    assert state.next_index() == 1
    (again.frames_folder / "beetle_0002.xmp").write_bytes(b"what the photographer's programs put there")
    for index in (1, 2, 4):  # no name is in the way
        _save(again, index)
    assert (again.frames_folder / "beetle_0005.jpg").read_bytes() == b"pixels"
    assert (again.frames_folder / "beetle_0002.xmp").exists()
    assert len(list(again.frames_folder.glob(".unjournaled_*"))) == 1
    assert again.state(5).next_index() is None
    again.close()


def test_a_folder_that_is_no_session(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a session"):
        Session.open(tmp_path)


@given(
    st.lists(
        st.tuples(st.sampled_from(["frame_saved", "frame_rejected", "resumed", "fired"]), st.integers(0, 5))
    )
)
def test_replay_never_loses_a_saved_frame_nor_skips_one(history: list[tuple[str, int]]) -> None:
    entries = [{"event": event, "index": index, "position_mm": 0.0, "files": []} for event, index in history]
    state = RunState.replay(6, entries)
    last = {
        i: [e for e, k in history if k == i and e in ("frame_saved", "frame_rejected")][-1:] for i in range(6)
    }
    assert set(state.saved) == {i for i, e in last.items() if e == ["frame_saved"]}
    missing = [i for i in range(6) if i not in state.saved]
    assert state.next_index() == (missing[0] if missing else None)
