"""What rig writes about its frames and its stacks: sidecars before RAW files, [metadata] in the result."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import exiv2
import numpy as np
import pytest

from rig.config.loading import load_config
from rig.errors import DataError, UserError
from rig.live import LiveAbout, _described
from rig.session import Session
from stacker import Options, Stacker
from stacker.credits import Credits
from stacker.io.positions import find_positions


def said(path: Path) -> dict[str, str]:
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    return {datum.key(): datum.toString() for data in (image.exifData(), image.xmpData()) for datum in data}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = Session.create(tmp_path, "beetle", simulated=True, today=date(2026, 11, 22))
    yield made
    made.close()


def publish(session: Session, index: int, suffix: str, **where: float) -> Path:
    part = session.incoming / f"{index}.part"
    part.write_bytes(b"pixels")
    name = session.frame_name(index, 0.0, suffix)
    return session.folder / session.publish_frame(part, name, index, **where)


def test_a_raw_frame_comes_after_its_sidecar_and_is_left_as_it_is(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = []
    whole = session.publish

    def looked_at(part: Path, name: str, *, folder: Path | None = None) -> str:
        there.append(sorted(entry.name for entry in session.frames_folder.iterdir()))
        return whole(part, name, folder=folder)

    monkeypatch.setattr(session, "publish", looked_at)
    frame = publish(session, 0, ".ARW", position_mm=12.5)
    assert there == [["SIMULATED_beetle_0001.xmp"]]
    assert frame.read_bytes() == b"pixels"
    facts = said(frame.with_suffix(".xmp"))
    assert facts.pop("Xmp.focusrig.Software").startswith("focusrig ")
    assert facts == {
        "Xmp.focusrig.Session": "beetle",
        "Xmp.focusrig.FrameNumber": "1",
        "Xmp.focusrig.RailPositionMm": "12.5",
        "Xmp.focusrig.Simulated": "True",
    }
    second = publish(session, 1, ".ARW", position_mm=13.0)
    found = find_positions([frame, second])
    assert found is not None
    assert found.positions_mm == (12.5, 13.0)


def test_only_raw_frames_get_a_sidecar_and_one_that_is_there_stays(session: Session) -> None:
    publish(session, 0, ".JPG", position_mm=1.0)
    assert [path.suffix for path in session.frames_folder.iterdir()] == [".jpg"]
    theirs = session.frames_folder / "SIMULATED_beetle_0002.xmp"
    theirs.write_bytes(b"what the photographer's programs put there")
    publish(session, 1, ".CR3", position_mm=1.0)
    assert theirs.read_bytes() == b"what the photographer's programs put there"
    lens = publish(session, 2, ".NEF", position_units=-40)
    facts = said(lens.with_suffix(".xmp"))
    assert facts["Xmp.focusrig.FocusDriveUnits"] == "-40"
    assert "Xmp.focusrig.RailPositionMm" not in facts
    assert find_positions([lens]) is None  # steps of a drive are no length


def test_a_sidecar_that_cannot_be_written_is_a_full_disk_to_the_run(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="full"):
        publish(session, 0, ".ARW", position_mm=1.0)
    assert list(session.frames_folder.iterdir()) == []


def test_templates_of_a_configuration_are_those_of_the_stacker(tmp_path: Path) -> None:
    file = tmp_path / "rig.toml"
    file.write_text('[metadata]\ncopyright = "© {yaer}"\n')
    with pytest.raises(UserError, match="asks for yaer; the fields are session"):
        load_config(file, simulate=True)
    file.write_text('[metadata]\ncopyright = "© {year} Jane"\nkeywords = ["macro"]\n')
    assert load_config(file, simulate=True).config.metadata == Credits(
        copyright="© {year} Jane", keywords=("macro",)
    )
    file.write_text('[metadata]\ncopyrigt = "Jane"\n')
    with pytest.raises(UserError, match="copyright"):
        load_config(file, simulate=True)


def test_a_live_stack_says_whose_it_is_and_what_could_not_be_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    stacker = Stacker(Options(align=False))
    for number in range(2):
        stacker.add(rng.integers(0, 255, (48, 64, 3), np.uint8), position_mm=number * 0.25)
    credit = Credits(title="{session}, {step}, {magnification}×", keywords=("{lens}",))
    about = LiveAbout("beetle", 5.0, 33.6, credit)
    stack, left_out = _described(stacker.finish(), about, "beetle")
    assert left_out == ("{lens}",)
    stack.save(tmp_path / "out.tif")
    facts = said(tmp_path / "out.tif")
    assert facts["Xmp.dc.title"] == 'lang="x-default" beetle, 0.25 mm, 5×'
    assert facts["Xmp.focusrig.EffectiveFNumber"] == "33.6"
    assert facts["Xmp.focusrig.RailPositionsMm"] == "0, 0.25"
