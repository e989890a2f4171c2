"""The journal outlives torn lines, full disks and second users."""

from __future__ import annotations

import errno
import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.atomic import write_atomically
from rig.errors import DataError, UserError
from rig.journal import Journal, read_journal


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append("session_started", name="käfer")
        journal.append("fired", index=0)
    entries = read_journal(tmp_path / "journal.jsonl")
    assert [(e["n"], e["event"]) for e in entries] == [(0, "session_started"), (1, "fired")]
    assert entries[0]["name"] == "käfer"


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(min_value=1, max_value=60))
def test_a_torn_last_line_does_not_count(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("session_started")
        whole = path.stat().st_size
        journal.append("frame_saved", index=0, padding="x" * 60)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - cut])
    assert [e["event"] for e in read_journal(path)] == ["session_started"]
    with Journal(path) as journal:
        journal.append("resumed")
    assert path.read_bytes()[:whole] == raw[:whole]
    assert [e["event"] for e in read_journal(path)] == ["session_started", "resumed"]


def test_damage_in_the_middle_is_an_error_that_names_the_line_and_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "a", "n": 0}\nnot json\n{"event": "b", "n": 2}\n')
    with pytest.raises(DataError, match=r"line 2 .*delete line 2 and all after it, and rig resume"):
        read_journal(path)
    path.write_text('not json\n{"event": "b", "n": 1}\n')
    with pytest.raises(DataError, match=r"held the plan.*stacker fuse .*frames"):
        read_journal(path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal.jsonl"),
        pytest.raises(UserError, match="in use"),
    ):
        Journal(tmp_path / "journal.jsonl")


def test_no_journal_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a session"):
        read_journal(tmp_path / "journal.jsonl")


def test_a_full_disk_leaves_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = f"""
import pathlib
from rig.errors import DataError
from rig.journal import Journal
journal = Journal(pathlib.Path({str(path)!r}))
journal.append("session_started")
try:
    journal.append("frame_saved", padding="x" * 5000)
except DataError as err:
    journal.close()
    raise SystemExit(f"{{err}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # Python 3.11 does not notice that it was cut off
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert "no room left" in done.stderr
    raw = path.read_text()
    assert raw.endswith("\n")
    assert [json.loads(line)["event"] for line in raw.splitlines()] == ["session_started"]


def test_what_a_failed_write_left_is_cut_off_before_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("session_started")
        with path.open("ab") as torn:
            torn.write(b'{"n": 1, "ev')
        journal.append("fired")
    assert [entry["event"] for entry in read_journal(path)] == ["session_started", "fired"]


@pytest.mark.parametrize(("number", "passes"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_file_system_that_cannot_flush_folders_does_not_end_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, passes: bool
) -> None:
    flush = os.fsync

    def files_only(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(number, os.strerror(number))
        flush(fd)

    monkeypatch.setattr(os, "fsync", files_only)
    if passes:
        write_atomically(tmp_path / "a.toml", b"a")
        Journal(tmp_path / "journal.jsonl").close()
    else:
        with pytest.raises(UserError, match="cannot be written"):
            write_atomically(tmp_path / "a.toml", b"a")
