"""What a plan must not exceed, what a pixel means, and which frames are not those planned for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.config import RigConfig, config_folder, config_from_table, load_config
from rig.errors import DataError, UserError
from rig.plan import StackPlan
from rig.planning.limits import Room, estimated_frame_bytes
from rig.planning.rail import PlanRequest, build_plan
from rig.preflight import check_frame_size, check_room, free_room
from rig.sizes import format_bytes, parse_bytes, parse_pixels

DATA = Path(__file__).parents[1] / "data"


def config(**tables: dict) -> RigConfig:
    """The Sony at 1:1, with other values in some tables."""
    table = load_config(config_folder() / "grbl-sony-a7rv-105mm.toml").table
    merged = {name: {**table.get(name, {}), **tables.get(name, {})} for name in {*table, *tables}}
    return config_from_table(merged, "test")


def request(**options) -> PlanRequest:
    return PlanRequest.from_text(**{"start": "1", "end": "33", "effective_aperture": "11.1", **options})


def test_a_plan_within_its_limits_passes():
    p = build_plan(
        config(),
        request(max_frames=145, max_duration="10min", card_space="3GB"),
        disk=Room(3_000_000_000, "sessions"),
    )
    assert p.frames == 145
    assert p.frame_bytes_source == "estimated from pixels and format"
    assert p.total_bytes == 145 * p.frame_bytes < 3e9


@pytest.mark.parametrize(
    ("tables", "options", "words"),
    [
        ({}, {"max_frames": 144}, ("145 frames", "144", "--max-frames")),
        ({"capture": {"max_frames": 100}}, {}, ("145 frames", "100", "max_frames in [capture]")),
        ({}, {"max_frames": 146, "margin": 1}, ("147 frames", "margin of 1", "146")),
        ({}, {"max_duration": "2min"}, ("145 frames", "4 min 3 s", "2 min 0 s", "--max-duration")),
        ({"capture": {"max_duration": "0.05 h"}}, {}, ("3 min 0 s", "max_duration in [capture]")),
        ({}, {"card_space": "2GB"}, ("145 frames of 16.9 MB", "2.44 GB", "2 GB", "118 frames")),
        (
            {"camera": {"frame_size": "60 MB", "card_space": "8 GB"}},
            {},
            ("8.7 GB", "133 frames", "as configured"),
        ),
        ({"capture": {"image_format": "RAW"}}, {"card_space": "8GB"}, ("145 frames of 62.6 MB", "9.08 GB")),
    ],
)  # fmt: skip
def test_longer_plans_are_refused_with_the_numbers(tables, options, words):
    with pytest.raises(UserError) as caught:
        build_plan(config(**tables), request(**options))
    for word in words:
        assert word in str(caught.value)


def test_an_option_outranks_the_configured_limit():
    assert build_plan(config(capture={"max_frames": 10}), request(max_frames=200)).frames == 145


def test_a_full_disk_is_told_before_anything_moves(tmp_path):
    with pytest.raises(DataError, match=r"2\.44 GB, but only 1 GB are free in sessions, room for 59 frames"):
        build_plan(config(), request(), disk=Room(1_000_000_000, "sessions"))
    with pytest.raises(DataError, match="10000000 frames of 60 MB and the stacked image need 750 TB, but"):
        check_room(tmp_path, 10_000_000, 60_000_000, 60_000_000)
    room = free_room(tmp_path / "not" / "yet")
    assert room.free_bytes > 0
    assert room.folder.endswith("yet")


def test_the_room_on_a_card_needs_the_size_of_a_frame():
    table = load_config(config_folder() / "grbl-sony-a7rv-105mm.toml").table
    del table["camera"]["pixels"]
    table["capture"]["coc"] = "8um"
    with pytest.raises(UserError, match="frame_size"):
        build_plan(config_from_table(table, "test"), request(card_space="1GB"))
    assert build_plan(config_from_table(table, "test"), request()).frame_bytes is None


def test_estimates_of_a_frame():
    """Canon's manual of the EOS R, 30 megapixels: 8.4 MB JPEG, 31.3 MB RAW, both together."""
    for image_format, mb in ((None, 8.4), ("Large Fine JPEG", 8.4), ("RAW", 31.3), ("RAW + JPEG", 39.7)):
        assert estimated_frame_bytes((6720, 4480), image_format) / 1e6 == pytest.approx(mb, rel=0.01)


def test_a_smaller_picture_needs_fewer_frames():
    full, web = build_plan(config(), request()), build_plan(config(), request(deliver="2000px"))
    assert web.deliver_px == 2000
    assert web.delivered_pixel_mm == pytest.approx(35.7 / 2000)
    assert web.pixel_pitch_mm == full.pixel_pitch_mm == pytest.approx(35.7 / 9504)
    assert web.coc_mm == pytest.approx(2 * 35.7 / 2000)
    assert web.frames < full.frames / 2
    assert any("diffraction softens" in w for w in full.warnings)
    assert web.warnings == (), "f/11 is fine for 18 µm pixels"
    assert web.best_effective_f_number == pytest.approx(0.01785 / 0.00055)
    assert web.subject_resolution_lp_mm == pytest.approx(1 / (2 * 35.7 / 2000))
    configured = build_plan(config(capture={"deliver": "2000px"}), request())
    assert configured.positions_mm == web.positions_mm
    one = build_plan(config(), request(deliver="2000 px", coc="1px"))
    assert one.coc_mm == pytest.approx(35.7 / 2000), "px are delivered px"


def test_more_pixels_than_recorded_cannot_be_delivered():
    p = build_plan(config(), request(deliver="12000px"))
    assert p.deliver_px == 9504
    assert p.frames == build_plan(config(), request()).frames
    assert "12000 px are to be delivered and the sensor has 9504" in p.warnings[0]


def test_a_length_and_a_delivered_width_contradict_each_other():
    with pytest.raises(UserError, match="--deliver 2000px and --coc 30 µm both"):
        build_plan(config(), request(deliver="2000px", coc="30um"))
    with pytest.raises(UserError, match="deliver = 2000 px and a coc that is a length"):
        config(capture={"deliver": "2000px", "coc": "30um"})
    p = build_plan(config(capture={"coc": "30um"}), request(deliver="2000px"))
    assert p.coc_mm == pytest.approx(0.0357)
    assert "gives way to --deliver" in p.warnings[0]
    p = build_plan(config(capture={"deliver": "2000px"}), request(coc="30um"))
    assert p.coc_mm == 0.03
    assert p.best_effective_f_number == pytest.approx(0.01785 / 0.00055), (
        "the pixel is still the delivered one"
    )


def test_a_delivered_width_needs_the_sensor():
    table = load_config(config_folder() / "grbl-sony-a7rv-105mm.toml").table
    del table["camera"]["sensor_width"]
    with pytest.raises(UserError, match="sensor_width"):
        build_plan(config_from_table(table, "test"), request(deliver="2000px"))


@pytest.mark.parametrize("frame", [(9504, 6336), (6336, 9504), (9500, 6330)])
def test_frames_as_planned_for(frame):
    assert check_frame_size(frame, (9504, 6336), 35.7) is None


def test_a_frame_cropped_in_height_keeps_its_pixels():
    assert "crops its height" in (check_frame_size((9504, 5344), (9504, 6336), 35.7) or "")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ((6240, 4160), ("6240 × 4160", "9504 × 6336", "3.76 µm", 'sensor_width = "23.44 mm"', "APS-C")),
        ((4752, 3168), ("4752 × 3168", "size M or S", "pixels = [4752, 3168]")),
        ((6336, 6336), ("1:1", 'sensor_width = "23.8 mm"')),
    ],
)
def test_frames_of_other_pixels_are_refused(frame, words):
    with pytest.raises(UserError) as caught:
        check_frame_size(frame, (9504, 6336), 35.7)
    for word in words:
        assert word in str(caught.value)


def test_plans_of_older_sessions_are_read():
    old = json.loads((DATA / "plan-format-1.json").read_text())
    assert old["format_version"] == 1
    p = StackPlan.model_validate(old)
    assert p.positions_mm == (0.0, 1.0, 2.0)
    assert p.margin_frames == 0
    assert p.deliver_px is p.limits_mm is p.frame_bytes is None
    with pytest.raises(ValueError, match="format_version"):
        StackPlan.model_validate({**old, "format_version": 3})


@pytest.mark.parametrize(
    ("text", "size"),
    [("60 MB", 60e6), ("64GB", 64e9), ("1.5 TB", 1.5e12), ("500 MiB", 500 * 2**20), ("1 kB", 1e3)],
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["60", 60, "", "MB", "60 MP", "0 MB", "-1 MB", "1e400 MB", "..MB", True])
def test_sizes_that_are_none(text):
    with pytest.raises(UserError):
        parse_bytes(text, "--card-space")


@pytest.mark.parametrize("text", ["0", "-5px", "2000 mm", "1.5px", "", "wide", True, None])
def test_widths_that_are_none(text):
    with pytest.raises(UserError, match="--deliver"):
        parse_pixels(text, "--deliver")
    assert parse_pixels(2000) == parse_pixels("2000 px") == parse_pixels("2e3px") == 2000


def test_sizes_are_written_for_people():
    assert [format_bytes(x) for x in (12, 999.9e3, 16.86e6, 2.44e9)] == [
        "12 bytes",
        "1 MB",
        "16.9 MB",
        "2.44 GB",
    ]
