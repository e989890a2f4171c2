"""Several shots at a position: what is asked for and planned, how files are called, what a crank undoes."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.axes.hand import EndOfStack, HandSignal
from rig.clock import ScaledClock
from rig.config import config_folder, config_from_table, load_config
from rig.errors import UserError
from rig.events import EventBus
from rig.frames.matching import match_frames
from rig.planning.rail import PlanRequest, build_plan
from rig.planning.shots import ShotSeries, parse_brackets, shot_series
from rig.planning.timing import StackTiming, critical_path_s
from rig.runner import Runner, RunSettings
from rig.session import Session


def config(**tables: dict[str, Any]) -> Any:
    table = load_config(config_folder() / "grbl-sony-a7rv-105mm.toml").table
    return config_from_table(
        {n: {**table.get(n, {}), **tables.get(n, {})} for n in {*table, *tables}}, "test"
    )


def request(**options: Any) -> PlanRequest:
    return PlanRequest.from_text(**{"start": "1", "end": "33", "effective_aperture": "11.1", **options})


def test_brackets_are_ev_or_times() -> None:
    series = shot_series(parse_brackets([-2, 0, "+2 EV"]), 1, 0.125)
    assert series.times_s == (0.03125, 0.125, 0.5)
    assert [shot.label for shot in series.shots] == ["ev-2", "ev0", "ev+2"]
    assert (series.base, series.is_bracket) == (1, True)
    times = shot_series(parse_brackets("1/2s,1/8s,1/30s"), 1, 0.125)
    assert times.times_s == (0.5, 0.125, pytest.approx(1 / 30))
    assert [shot.label for shot in times.shots] == ["0.5s", "1-8s", "1-30s"]
    assert times.base == 1
    thirds = shot_series(parse_brackets("0,1/3,0.7"), 1, 1.0)
    assert thirds.times_s == pytest.approx((1.0, 2 ** (1 / 3), 2**0.7))


@pytest.mark.parametrize(
    ("brackets", "shots", "shutter_s", "flash", "words"),
    [
        ("-2,0,2", 3, 0.125, False, "already how many shots"),
        ("-2,0,2", 1, None, False, "base exposure"),
        ("-2,0,2", 1, 0.125, True, "flash"),
        ("-2,2", 1, 0.125, False, "1/8 s is none of them"),
        ("1/30s,1/2s", 1, 0.125, False, "1/8 s is none of them"),
        ("0,0.2", 1, 0.125, False, "0.2 EV apart"),
        (None, 16, 0.125, False, "1 to 15"),
    ],
)
def test_series_that_cannot_be(brackets: Any, shots: int, shutter_s: Any, flash: bool, words: str) -> None:
    with pytest.raises(UserError, match=words):
        shot_series(parse_brackets(brackets) if brackets else None, shots, shutter_s, flash=flash)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0", "here are 1"),
        ([n / 3 for n in range(16)], "here are 16"),
        ("0,1/8s", "mixed"),
        ("0,11", "10 EV"),
        ("0,1/0", "divides"),
        ("0,nan", "not a time"),
        ("0,-1s", "above 0"),
        ([0, None], "neither"),
        (2, "no list"),
    ],
)
def test_brackets_that_say_nothing(value: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_brackets(value)


@given(st.integers(1, 15), st.integers(0, 500))
def test_every_shot_has_one_place(count: int, index: int) -> None:
    series = shot_series(None, count, None)
    assert index in series.group(index)
    assert len(series.group(index)) == series.count == count
    assert series.is_base(index) == (series.folder(index) == "frames")
    assert series.position(index) * count + list(series.group(index)).index(index) == index


def test_a_plan_counts_shots_time_and_room() -> None:
    one = build_plan(config(), request())
    plan = build_plan(config(), request(brackets="-2,0,2"))
    assert (plan.frames, plan.exposures) == (one.frames, 3 * one.frames)
    assert plan.total_bytes == 3 * one.total_bytes
    assert plan.stops[:4] == (*(plan.positions_mm[0],) * 3, plan.positions_mm[1])
    lag_s = plan.timing.shutter_lag_s + plan.timing.readout_s
    base_s = plan.timing.shutter_s
    # Two shots more at each position, the last one four times as long: a quarter, once and four times.
    more_s = 2 * lag_s + (0.25 + 4) * base_s + 2 * plan.timing.download_s
    assert plan.duration_s == pytest.approx(one.duration_s + one.frames * more_s)
    thrice = build_plan(config(capture={"shots_per_position": 3}), request())
    assert (thrice.exposures, thrice.shots.is_bracket) == (plan.exposures, False)
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan
    with pytest.raises(UserError, match=r"frames with 3 shots each, \d+ of"):
        build_plan(config(), request(brackets="-2,0,2", card_space="3GB"))


def test_brackets_need_a_body_that_is_set_from_here() -> None:
    rig = config(camera={"driver": "folder", "watch": "there"}, capture={"brackets": [-1, 0, 1]})
    with pytest.raises(UserError, match=r'driver = "folder".*rig watch'):
        build_plan(rig, request())
    with pytest.raises(UserError, match="brackets"):
        config(capture={"brackets": [-2, "0.5 mm"]})


def test_time_between_the_shots_of_a_position() -> None:
    timing = StackTiming(
        shutter_s=0.1, shots_s=(0.1, 1.0), settle_s=1, download_s=0.5, flash_interval_s=2.0,
        speed_mm_s=2.0, acceleration_mm_s2=50.0,
    )  # fmt: skip
    # Settle, 2 s of flash, 1 s of exposure, 0.5 s of download.
    assert critical_path_s((0.0,), 0.0, timing) == pytest.approx(1 + 2 + 1 + 0.5)


@pytest.fixture
def bracketed(tmp_path: Path) -> Any:
    session = Session.create(tmp_path, "ring", simulated=False)
    session.shots = shot_series(parse_brackets("-2,0,2"), 1, 0.125)
    yield session
    session.close()


def save(session: Session, runner: Runner, index: int) -> Path:
    part = session.incoming / f"{index}.part"
    part.write_bytes(b"pixels")
    file = session.publish_frame(part, session.frame_name(index, 0.0, ".JPG"), index)
    entry = session.file_entry(file, 6, "")
    runner.state = runner.state.apply(session.journal.append("frame_saved", index=index, files=[entry]))
    return session.folder / file


def runner_of(session: Session) -> Runner:
    axis: Any = SimpleNamespace(capabilities=SimpleNamespace(unit="mm"))
    nobody: Any = None
    return Runner(
        stops=session.shots.per_shot((0.0, 1.0, 2.0)), shots=session.shots, axis=axis, camera=nobody,
        approach=nobody, session=session, bus=EventBus(), clock=ScaledClock(1.0), settings=RunSettings(),
        stop=threading.Event(),
    )  # fmt: skip


def test_files_are_named_by_position_and_shot_and_sorted_by_shot(bracketed: Session) -> None:
    runner = runner_of(bracketed)
    names = [save(bracketed, runner, i).relative_to(bracketed.folder).as_posix() for i in range(4)]
    assert names == [
        "frames_ev-2/ring_0001_ev-2.jpg",
        "frames/ring_0001_ev0.jpg",
        "frames_ev+2/ring_0001_ev+2.jpg",
        "frames_ev-2/ring_0002_ev-2.jpg",
    ]
    assert bracketed.shot_fields(4) == {"frame": 1, "shot_name": "ev0"}
    bracketed.shots = ShotSeries()
    assert bracketed.frame_name(0, 0.0, ".jpg") == "ring_0001.jpg"
    assert bracketed.shot_fields(0) == {}


def test_a_wrong_turn_takes_all_shots_of_its_position_again(bracketed: Session) -> None:
    runner = runner_of(bracketed)
    files = [save(bracketed, runner, index) for index in range(6)]
    runner.heed(HandSignal())
    assert sorted(runner.state.saved) == [0, 1, 2]
    assert runner.state.next_index() == 3
    assert [path.exists() for path in files] == [True] * 3 + [False] * 3


def test_an_end_that_is_seen_leaves_no_position_half_taken(bracketed: Session) -> None:
    runner = runner_of(bracketed)
    for index in (0, 1, 2, 3, 5):  # the fifth file was lost on its way
        save(bracketed, runner, index)
    runner.heed(EndOfStack())
    assert runner.state.frames == 6
    assert runner.state.next_index() == 4


def test_pictures_from_the_card_are_matched_to_the_shots_of_each_position(tmp_path: Path) -> None:
    with Session.create(tmp_path, "ring", simulated=False) as session:
        shots = shot_series(None, 2, None)
        session.journal.append(
            "session_started", name="ring", template="{name}_{index:04d}", simulated=False,
            plan={"shots": shots.model_dump(mode="json")},
        )  # fmt: skip
        for index in range(4):
            session.journal.append(
                "frame_saved",
                index=index,
                position_mm=index // 2,
                files=[],
                fired_at=f"2026-11-22T12:0{index}:00",
            )
        folder = session.folder
    card = tmp_path / "card" / "DCIM" / "100MSDCF"
    card.mkdir(parents=True)
    for number in range(4):
        done, data = cv2.imencode(".jpg", np.full((8, 8, 3), 40 * number, np.uint8))
        assert done
        (card / f"DSC{number:05d}.JPG").write_bytes(data.tobytes())
    assert match_frames(folder, tmp_path / "card", subfolders=True).matched == 4
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob("frames*/*"))
    assert found == [
        "frames/ring_0001_shot1.jpg",
        "frames/ring_0002_shot1.jpg",
        "frames_shot2/ring_0001_shot2.jpg",
        "frames_shot2/ring_0002_shot2.jpg",
    ]
    assert cv2.imread(str(folder / found[3])).mean() == pytest.approx(120, abs=3)
