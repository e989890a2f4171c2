"""What is remembered of a rail, and when it does not hold any more."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rig.axes.base import AxisCapabilities, AxisLimits, AxisPosition, PositionTrust
from rig.clock import ScaledClock
from rig.config import LoadedConfig, config_from_table, load_config
from rig.config.rail import RailConfig
from rig.errors import DataError, UserError
from rig.events import EventBus
from rig.planning.rail import PlanRequest, plan_for
from rig.rails.limits import LimitsOrder
from rig.rails.state import RailMemory, RailState, Reference, with_limits
from rig.runs.connection import Connection
from rig.runs.shoot import ShootOptions, _counted_anew, resume
from rig.runs.stopping import Stopper
from rig.session import Session

RAIL_TABLE = {"driver": "grbl", "port": "/dev/ttyUSB0", "pitch": "1 mm", "limits": ["-2 mm", "60 mm"]}
RAIL = RailConfig.model_validate(RAIL_TABLE)


@dataclass
class Controller:
    """As much of an axis as a memory needs."""

    counts: float | None = 3.0
    count_survived: bool = True
    limits: AxisLimits = field(default_factory=lambda: AxisLimits(-2.0, 60.0))
    at: AxisPosition = field(default_factory=lambda: AxisPosition(5.0, PositionTrust.TRUSTED))

    @property
    def name(self) -> str:
        return "rail"

    @property
    def capabilities(self) -> AxisCapabilities:
        return AxisCapabilities("mm", 0.001, can_home=False)

    def count(self) -> float | None:
        return self.counts

    def position(self) -> AxisPosition:
        return self.at

    def recall(self, count: float, position: float) -> None:
        self.at = AxisPosition(position, PositionTrust.TRUSTED)


@pytest.fixture
def state(tmp_path: Path) -> RailState:
    return RailState("/dev/ttyUSB0", tmp_path)


def _controller(**changes: object) -> Controller:
    made = Controller(at=AxisPosition(0.0, PositionTrust.UNKNOWN))
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_what_was_kept_holds_as_long_as_the_count_is_the_same(state: RailState) -> None:
    state.keep(Controller())  # type: ignore[arg-type]
    later = _controller(counts=3.0005)
    assert state.recall(later) is None  # type: ignore[arg-type]
    assert later.at == AxisPosition(5.0, PositionTrust.TRUSTED)


def test_a_rail_left_at_its_limit_is_not_outside(state: RailState) -> None:
    """0.1 mm and 0.2 mm are more than 0.3 mm to a computer; the move there was allowed."""
    state.keep(Controller(at=AxisPosition(0.1 + 0.2, PositionTrust.TRUSTED)))  # type: ignore[arg-type]
    assert state.recall(_controller(limits=AxisLimits(-2.0, 0.3))) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "changes", "why"),
    [
        (3.0, {"counts": 3.002}, "moved by something else"),
        (3.0, {"counts": 0.0}, "switched off"),
        (3.0, {"counts": None}, "alarm"),
        (3.0, {"count_survived": False}, "reset the controller"),
        (0.0, {"counts": 0.0}, "after being switched off"),
        (3.0, {"limits": AxisLimits(6.0, 60.0)}, "outside"),
    ],
)
def test_when_it_does_not_hold(state: RailState, kept: float, changes: dict[str, object], why: str) -> None:
    state.keep(Controller(counts=kept))  # type: ignore[arg-type]
    later = _controller(**changes)
    assert why in (state.recall(later) or "")  # type: ignore[arg-type]
    assert later.at.trust is PositionTrust.UNKNOWN


def test_an_unknown_position_forgets_what_was_kept(state: RailState) -> None:
    assert "never told" in (state.recall(_controller()) or "")  # type: ignore[arg-type]
    state.keep(Controller())  # type: ignore[arg-type]
    state.keep(_controller())  # type: ignore[arg-type]
    assert state.read().reference is None
    assert "last known to be at 5 mm" in (state.recall(_controller()) or "")  # type: ignore[arg-type]
    state.keep(Controller())  # type: ignore[arg-type]
    assert state.read().lost is None


@pytest.mark.parametrize(
    ("left_mm", "killed", "changes", "taken_mm"),
    [
        (None, False, {}, 0.0),  # never told: the configuration's "here"
        (0.0, False, {"counts": 0.0}, 0.0),  # left at rest there, perhaps switched off since
        (0.0, False, {"counts": 0.0, "count_survived": False}, 0.0),
        (0.0, True, {"counts": 0.0}, None),
        (0.0, True, {"counts": 12.3}, None),
        (5.0, True, {"counts": 5.0}, 5.0),  # killed before it moved, and the controller says so
        (5.0, False, {"counts": 0.0}, None),  # switched off
        (5.0, False, {"counts": 5.0, "count_survived": False}, None),
        (0.0, False, {"counts": None}, None),  # in alarm
        (5.0, False, {"lost": True}, None),
    ],
)
def test_a_stack_begins_from_no_position_that_is_made_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    left_mm: float | None,
    killed: bool,
    changes: dict[str, Any],
    taken_mm: float | None,
) -> None:
    """Killed -9 in a run, a rail was taken to stand at 0, by a question that ``--yes`` answered."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = config_from_table({"rail": RAIL_TABLE, "lens": {"magnification": 1.0}}, "rig.toml")
    kept = RailState.of(config.rail)
    if left_mm is not None:
        at = AxisPosition(left_mm, PositionTrust.TRUSTED)
        kept.keep(Controller(counts=left_mm, at=at))  # type: ignore[arg-type]
    if killed:
        kept.set_off()
    if changes.pop("lost", False):
        kept.forget()
    asked: list[str] = []

    class Nobody:
        def ask_position_mm(self, question: str) -> float:
            asked.append(question)
            raise UserError(question)

    nobody: Any = Nobody()
    rail: Any = _controller(**changes)
    with Session.create(tmp_path, "beetle", simulated=False) as session, ExitStack() as teardown:
        connection = Connection(config, session, nobody, Stopper(), EventBus(), ScaledClock(1.0), teardown)
        if taken_mm is not None:
            assert connection.recalled_mm(rail, 0.0, needed=False) == taken_mm
            return
        with pytest.raises(UserError, match="is not known"):
            connection.recalled_mm(rail, 0.0, needed=False)
    assert len(asked) == 1


def test_soft_limits_narrow_those_of_the_configuration(state: RailState) -> None:
    assert state.limits_mm(RAIL) == (-2.0, 60.0)
    assert state.set_limits(RAIL, high_mm=20.0) == (-2.0, 20.0)
    assert state.set_limits(RAIL, low_mm=1.0) == (1.0, 20.0)
    assert state.limits_mm(RAIL) == (1.0, 20.0)
    with pytest.raises(UserError, match=r"61 mm lies outside.*-2 mm to 60 mm"):
        state.set_limits(RAIL, high_mm=61.0)
    with pytest.raises(UserError, match="has to be below"):
        state.set_limits(RAIL, low_mm=20.0)
    assert state.limits_mm(RAIL) == (1.0, 20.0)
    elsewhere = RAIL.model_copy(update={"limits_mm": (30.0, 60.0)})
    with pytest.raises(UserError, match="leave nothing"):
        state.limits_mm(elsewhere)
    assert state.clear_limits()
    assert not state.clear_limits()
    assert state.limits_mm(RAIL) == (-2.0, 60.0)


def test_limits_move_with_the_zero_and_are_dropped_when_nobody_knows(state: RailState) -> None:
    assert not state.renumber(0.0)
    state.set_limits(RAIL, low_mm=1.0, high_mm=20.0)
    assert state.renumber(-3.0)
    assert state.limits_mm(RAIL) == (-2.0, 17.0)
    assert not state.renumber(None)
    assert state.limits_mm(RAIL) == (-2.0, 60.0)


def test_the_configuration_s_limits_do_not_move_along_with_the_zero(state: RailState) -> None:
    """Zeroed at 30 mm, 60 mm would be 90 mm of a rail of 60."""
    assert not state.renumber(-30.0)
    assert state.limits_mm(RAIL) == (-32.0, 30.0)
    with pytest.raises(UserError, match="-32 mm to 30 mm"):
        state.set_limits(RAIL, high_mm=31.0)
    assert not state.renumber(2.0)
    assert state.limits_mm(RAIL) == (-30.0, 32.0)
    state.keep(Controller(at=AxisPosition(1.0, PositionTrust.TRUSTED)))  # type: ignore[arg-type]
    state.clear_limits()  # it counts as the configuration does again, and has not moved
    assert state.limits_mm(RAIL) == (-2.0, 60.0)
    reference = state.read().reference
    assert reference is not None
    assert reference.position_mm == 29.0


def test_the_home_position_stays_on_the_bench_too() -> None:
    table = {"rail": {"driver": "grbl", "limits": ["0 mm", "60 mm"], "pitch": "1 mm", "reference": "home"}}
    loaded = LoadedConfig(config_from_table(table, "rig.toml"), None, table)
    moved = with_limits(loaded, (-30.0, 30.0), -30.0)
    assert moved.config.rail.home_position_mm == -30.0
    assert config_from_table(moved.table, "journal") == moved.config


def test_a_memory_that_cannot_be_read_is_not_passed_over(state: RailState) -> None:
    state.write(RailMemory())
    state.path.write_text("{")
    with pytest.raises(DataError, match="soft limits"):
        state.read()


def test_a_memory_is_the_same_after_a_trip_through_its_file(state: RailState) -> None:
    memory = RailMemory(reference=Reference(count_mm=1.5, position_mm=2.0, at=datetime.now().astimezone()))
    state.write(memory)
    assert state.read() == memory


def test_other_limits_are_in_the_table_that_a_session_keeps() -> None:
    loaded = with_limits(load_config(Path("simulated.toml")), (1.25, 7.0))
    assert loaded.config.rail.limits_mm == (1.25, 7.0)
    assert loaded.table["rail"]["limits"] == ["1.250000 mm", "7.000000 mm"]


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ([], LimitsOrder()),
        (["clear"], LimitsOrder(clear=True)),
        (["set", "-2mm", "5"], LimitsOrder(-2.0, 5.0)),
        (["set", "here", "near"], LimitsOrder(here="near")),
        (["set", "here", "far"], LimitsOrder(here="far")),
    ],
)
def test_limits_as_they_are_asked_for(words: list[str], order: LimitsOrder) -> None:
    assert LimitsOrder.from_words(words) == order


@pytest.mark.parametrize(
    "words",
    [
        ["set"],
        ["set", "here"],
        ["set", "here", "up"],
        ["set", "5", "0"],
        ["set", "5", "5"],
        ["what"],
        ["clear", "x"],
    ],
)
def test_limits_that_cannot_be_read(words: list[str]) -> None:
    with pytest.raises(UserError, match="rig rail limits set"):
        LimitsOrder.from_words(words)


def test_a_session_from_before_a_new_zero_does_not_take_its_positions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plan counts from the old one."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    table = {"rail": RAIL_TABLE, "lens": {"magnification": 1.0}}
    config = config_from_table(table, "rig.toml")
    before = [{"event": "finished", "at": datetime.now().astimezone().isoformat(timespec="milliseconds")}]
    assert not _counted_anew(config, before)
    RailState.of(config.rail).renumber(-30.0)
    assert _counted_anew(config, before)
    after = [{"event": "resumed", "at": datetime.now().astimezone().isoformat()}]
    assert not _counted_anew(config, after)


def test_who_resumes_is_told_where_this_session_last_had_the_carriage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept of the rail is older: from the start of the run that crashed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = config_from_table({"rail": RAIL_TABLE, "lens": {"magnification": 1.0}}, "rig.toml")
    RailState.of(config.rail).keep(Controller(counts=0.0, at=AxisPosition(0.0, PositionTrust.TRUSTED)))  # type: ignore[arg-type]
    asked: list[str] = []

    class Person:
        def ask_position_mm(self, question: str) -> float:
            asked.append(question)
            return 14.0

    person: Any = Person()
    rail: Any = _controller(counts=14.0)
    with Session.create(tmp_path, "beetle", simulated=False) as session, ExitStack() as teardown:
        session.journal.append("fired", index=14, position_mm=14.0)
        connection = Connection(config, session, person, Stopper(), EventBus(), ScaledClock(1.0), teardown)
        assert connection.recalled_mm(rail, 0.0, needed=True) == 14.0
    assert "last knew the carriage to be at 14.0000 mm" in asked[0]
    assert "may have moved on to the next frame" in asked[0]
    assert "position kept of the rail, 0 mm, is not sure any more" in asked[0]


def test_who_resumes_is_told_that_another_command_has_counted_the_rail_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash `rig rail move` was told where the rail stood, and drove it elsewhere."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    table: dict[str, Any] = {
        "rail": RAIL_TABLE,
        "lens": {"magnification": 1.0, "focal_length": "100 mm"},
        "camera": {"driver": "gphoto2", "sensor_width": "36 mm", "pixels": [300, 200]},
        "capture": {"aperture": "f/5.6", "shutter": "1/125 s", "iso": 100},
    }
    config = config_from_table(table, "rig.toml")
    plan = plan_for(
        LoadedConfig(config, tmp_path / "rig.toml", table), PlanRequest.from_text(start="0mm", end="5mm")
    )
    with Session.create(tmp_path, "beetle", simulated=False) as session:
        first = {"name": "beetle", "template": "{name}_{index:04d}", "simulated": False}
        planned = json.loads(plan.model_dump_json())
        session.journal.append("session_started", **first, plan=planned, config=table)
        session.journal.append("fired", index=2, position_mm=2.0)

    class Person:
        def ask_position_mm(self, question: str) -> float:
            raise UserError(question)

    person: Any = Person()
    with pytest.raises(UserError, match=r"known to be at 2\.0000 mm .*next frame\. Where does"):
        resume(session.folder, ShootOptions(), person, Stopper())
    time.sleep(0.002)
    RailState.of(config.rail).counts_anew()
    with pytest.raises(UserError, match=r"at 2\.0000 mm .*\. Since then another command"):
        resume(session.folder, ShootOptions(), person, Stopper())
