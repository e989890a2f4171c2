"""A stack by lens focus that is gone on with: what is told when nobody knows where the focus stands."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from rig.config.loading import load_config
from rig.frames.stacked_file import StackedFile
from rig.lens_drive.run import LensRun, how_to_go_on
from rig.planning.axis import plan_asked_for
from rig.planning.lens_plan import LensPlan
from rig.runs.operator import Operator
from rig.runs.run import ShootOptions
from rig.runs.stopping import Stopper
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


CAPTURE = """
[camera]
model = "ILCE-7RM5"
sensor_width = "36 mm"
pixels = [600, 400]

[lens]
magnification = 1.0

[capture]
aperture = "f/5.6"
shutter = "1/8 s"
attempts = 7
stack_file = "raw"
"""


def test_what_capture_says_of_attempts_and_files_holds_where_the_lens_focuses(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_text(CAPTURE)
    loaded = load_config(path)
    asked = {"step": "auto", "frames": 3, "margin": 0, "start": "0", "end": "20"}
    plan = cast(LensPlan, plan_asked_for(loaded, "lens", asked))
    with Session.create(tmp_path, "fly", simulated=False) as session:
        run = LensRun(session, loaded.config, plan, ShootOptions(), cast(Operator, None), Stopper(), ())
        settings = run._run_settings()
    assert (settings.attempts, settings.stack_file) == (7, StackedFile.RAW)
    assert not settings.overlap_download
    assert not settings.return_to_start
