"""Where on the rail frames were taken: files, steps and journals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stacker import UserError, write_image
from stacker.io.positions import find_positions, read_positions
from stacker.io.session_facts import find_set_up
from stacker.units import parse_length_mm

PATHS = [Path(f"f{number}.jpg") for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("text", "length_mm"),
    [("0.5mm", 0.5), ("350 um", 0.35), ("350µm", 0.35), ("-1.2 cm", -12.0), ("0", 0.0), ("1e-3 m", 1.0)],
)
def test_lengths(text: str, length_mm: float) -> None:
    assert parse_length_mm(text, "it") == pytest.approx(length_mm, rel=1e-12)


@pytest.mark.parametrize("text", ["", "12", "mm", "3 s", "1,5mm", "3 parsecs", "1e999mm"])
def test_what_is_no_length_is_said(text: str) -> None:
    with pytest.raises(UserError, match=r"The step is .*0\.5mm"):
        parse_length_mm(text, "The step")


def test_a_step_counts_from_the_first_frame() -> None:
    assert read_positions("0.5mm", PATHS).positions_mm == (0.0, 0.5, 1.0)
    assert read_positions("-200um", PATHS).positions_mm == pytest.approx((0, -0.2, -0.4))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.txt", "1mm\n\n# between\n1.5 mm\n2000um\n"),
        ("p.csv", "file,position\nf1.jpg,1mm\nf2.jpg,1.5mm\nf3.jpg,2mm\n"),
        ("p.csv", "file;position_mm\nsub/f3.jpg;2\nf1.jpg;1\nf2.jpg;1.5\n"),
        ("p.tsv", "position_um\n1000\n1500\n2000\n"),
        ("p.csv", "frame,position\n1,1mm\n2,1.5mm\n3,2mm\n"),
        ("p.json", '["1mm", "1.5mm", "0.2cm"]'),
        ("p.json", '{"f2.jpg": "1.5mm", "f1.jpg": "1mm", "f3.jpg": "2mm", "f4.jpg": "9mm"}'),
    ],
)
def test_files_of_positions(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read_positions(str(tmp_path / name), PATHS).positions_mm == pytest.approx((1.0, 1.5, 2.0))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("p.txt", "1mm\n2mm\n", "2 positions for 3 frames"),
        ("p.txt", "1\n2\n3\n", "no unit"),
        ("p.csv", "f1.jpg,1mm\nf2.jpg,2mm\n", "no position for f3.jpg"),
        ("p.json", "{", "no JSON"),
        ("p.json", "7", "neither a list"),
        ("p.json", "[1, 2, 3]", "no unit"),
    ],
)
def test_files_that_do_not_fit_are_said(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=reason):
        read_positions(str(tmp_path / name), PATHS)


def test_a_missing_file_and_no_step() -> None:
    with pytest.raises(UserError, match=r"no file of positions nowhere\.csv"):
        read_positions("nowhere.csv", PATHS)
    with pytest.raises(UserError, match="step between positions"):
        read_positions("nowhere", PATHS)
    with pytest.raises(UserError, match="is 0"):
        read_positions("0mm", PATHS)


def session(folder: Path, pupil: object = 84.5) -> list[Path]:
    (folder / "frames").mkdir(parents=True)
    lines = [{"event": "session_started", "plan": {"pupil_distance_mm": pupil}}]
    paths = []
    for index in range(3):
        name = f"frames/beetle_{index + 1:04d}.jpg"
        paths.append(folder / name)
        # the second frame was shot twice: what counts is the last line
        for position in (9.9, index * 0.25) if index == 1 else (index * 0.25,):
            lines.append({"event": "frame_saved", "position_mm": position, "files": [{"file": name}]})
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / "journal.jsonl").write_text(text + '\n{"event": "fra')  # power went
    return paths


def test_the_journal_of_a_session_is_read(tmp_path: Path) -> None:
    paths = session(tmp_path / "a")
    found = find_positions(paths[::-1])
    assert found is not None
    assert found.positions_mm == (0.5, 0.25, 0.0)
    assert found.pupil_distance_mm == 84.5
    other = find_positions(session(tmp_path / "b", "Infinity"))
    assert other is not None
    assert other.pupil_distance_mm is None


@pytest.mark.parametrize(
    "lines", ['"plan": [1]', '"plan": "deep"', '"files": 3', '"files": null', '"files": [1]']
)
def test_a_journal_of_another_program_is_passed_over(tmp_path: Path, lines: str) -> None:
    paths = session(tmp_path)
    events = (
        f'{{"event": "{event}", "position_mm": 1, {lines}}}' for event in ("session_started", "frame_saved")
    )
    (tmp_path / "journal.jsonl").write_text("\n".join(events), "utf-8")
    assert find_positions(paths) is None
    assert find_set_up(paths).magnification is None


def test_a_frame_that_the_journal_does_not_know_makes_all_unknown(tmp_path: Path) -> None:
    paths = session(tmp_path)
    assert find_positions([*paths, tmp_path / "frames" / "else.jpg"]) is None
    assert find_positions([tmp_path / "elsewhere" / "deep" / "f.jpg"]) is None


def with_xmp(path: Path, properties: dict[str, str]) -> Path:
    import exiv2

    exiv2.XmpProperties.registerNs("http://rail.example/1.0/", "rail")
    write_image(path, np.full((16, 16, 3), 90, np.uint8))
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    xmp = image.xmpData()
    for name, value in properties.items():
        xmp[f"Xmp.rail.{name}"] = value
    image.setXmpData(xmp)
    image.writeMetadata()
    return path


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("RailPosition", ["0 mm", "250 um", "0.5mm"]),
        ("StagePosition_um", ["0", "250", "500"]),
        ("ZPositionMm", ["0.0", "0.25", "0.5"]),
    ],
)
@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_positions_in_the_xmp_of_frames_are_read(
    tmp_path: Path, name: str, texts: list[str], suffix: str
) -> None:
    paths = [
        with_xmp(tmp_path / f"f{number}.{suffix}", {"Step": "3 mm", name: text})
        for number, text in enumerate(texts)
    ]
    found = find_positions(paths)
    assert found is not None
    assert found.positions_mm == (0.0, 0.25, 0.5)
    assert found.source == "the XMP of the frames"


def test_a_sidecar_goes_before_the_frame_and_steps_are_no_length(tmp_path: Path) -> None:
    frame = with_xmp(tmp_path / "f.jpg", {"RailPosition": "1mm"})
    (tmp_path / "f.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:s="http://stage.example/" s:CarriagePosition="-2 mm"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    found = find_positions([frame])
    assert found is not None
    assert found.positions_mm == (-2.0,)
    steps = with_xmp(tmp_path / "g.jpg", {"FocusPosition": "1530"})
    assert find_positions([steps]) is None
    assert find_positions([frame, steps]) is None
