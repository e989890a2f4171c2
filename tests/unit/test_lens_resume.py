"""A stack by lens focus that is gone on with: what is told when nobody knows where the focus stands."""

from __future__ import annotations

from pathlib import Path

from rig.lens_run import how_to_go_on
from rig.session import Session


def test_a_stack_with_frames_names_one_to_focus_on_and_the_unit_to_say(tmp_path: Path) -> None:
    with Session.create(tmp_path, "fly", simulated=False) as session:
        for index, units in enumerate((4, 9, 14)):
            entry = session.file_entry(f"frames/fly_{index + 1:04d}.jpg", 6, "")
            session.journal.append("frame_saved", index=index, position_units=units, files=[entry])
        told = how_to_go_on(session, "the picture in live view is another one")
        folder = session.folder
    assert "the picture in live view is another one" in told
    assert f"sharpest in {folder}/frames/fly_0001.jpg" in told
    assert "up to unit 14" in told
    assert told.endswith(f"rig resume {folder} --here-is 4")


def test_a_stack_without_frames_begins_at_the_near_mark(tmp_path: Path) -> None:
    with Session.create(tmp_path, "fly", simulated=False) as session:
        session.journal.append("fired", index=0)
        told = how_to_go_on(session, "it was never marked")
    assert "rig mark near" in told
    assert "resume" not in told
