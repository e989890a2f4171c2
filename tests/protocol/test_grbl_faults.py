"""What the GRBL driver does when the rail, the port or the rig itself fails."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailFaultOrder
from hardware_sims.rails.grbl import GarbageSimulator

from rig.axes.base import PositionTrust
from rig.axes.port import Port
from rig.axes.registry import RailSettings, drivers, open_axis
from rig.clock import ScaledClock
from rig.errors import HardwareError, MotionError, PositionUnknownError, UserError

Make = Callable[..., Any]


def keepers_of(port: str) -> list[int]:
    """Port keepers that still hold that port."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("processes are looked up in /proc")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"rig.axes.portkeeper" in words and port.encode() in words:
                found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def rail(port: str, **changes: Any) -> RailSettings:
    values = {"speed_mm_s": 2.0, "acceleration_mm_s2": 50.0, "low_mm": 0.0, "high_mm": 32.0, **changes}
    return RailSettings("grbl", port, 3200.0, towards_subject="+", **values)


# --- connecting ---------------------------------------------------------------------------------------


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(HardwareError, match=r"/dev/ttyNOSUCH: No such file.*ports here: ") as caught:
        open_axis(rail("/dev/ttyNOSUCH"), ScaledClock())
    assert caught.value.exit_code == 3
    assert keepers_of("/dev/ttyNOSUCH") == []


def test_a_network_port_that_nobody_serves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"socket://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(HardwareError, match=r"cannot open the port socket://127"):
        open_axis(rail(port), ScaledClock())


def test_a_port_that_is_no_port(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("not a tty")
    with pytest.raises(HardwareError, match="cannot open the port"):
        open_axis(rail(str(plain)), ScaledClock())


def test_a_port_in_use_is_not_shared(grbl: Make) -> None:
    bench = grbl()
    bench.connect()
    with pytest.raises(HardwareError, match="another program is using it"):
        bench.connect()


@pytest.mark.parametrize("wire", ["pty_path", "tcp_url"])
def test_a_port_that_answers_garbage(wire: str) -> None:
    with GarbageSimulator(SimClock(), seed=2) as noise:
        port = getattr(noise, wire)
        with pytest.raises(HardwareError, match=r"is not GRBL 1\.1: it sent b'.*baud"):
            open_axis(rail(port), ScaledClock())
        assert wait_for(lambda: keepers_of(port) == [])


def test_a_port_on_which_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = f"socket://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(HardwareError, match=r"nothing answers on.*powered"):
            open_axis(rail(port), ScaledClock())


def test_a_driver_that_does_not_exist() -> None:
    with pytest.raises(UserError, match=r"no rail driver is called 'grlb'; there are: .*grbl"):
        open_axis(RailSettings("grlb", "x", 1.0, 1.0, 1.0, 0.0, 1.0, "+"), ScaledClock())
    assert "grbl" in drivers()


@pytest.mark.parametrize(
    "before",
    [b"G1X30F120\n", b"$J=X30F120\n", b"G1X30F120\n!", b"!", b"G1X1"],
    ids=["running", "jogging", "held", "held-idle", "half-a-line"],
)
def test_connecting_without_a_reset_to_a_busy_controller(grbl: Make, before: bytes) -> None:
    """It is stopped first; the half line must not become part of ours."""
    bench = grbl(5.0, dtr_reset=False)
    bench.sim.inject(before)
    time.sleep(0.05)
    axis = bench.connect("tcp")
    assert bench.speed_mm_s == 0.0
    assert bench.motor_mm < 20.0
    axis.set_reference(0.0)
    start = bench.motor_mm
    axis.move_to(1.0)
    assert bench.motor_mm == pytest.approx(start + 1.0, abs=1e-3)


def test_connecting_to_a_locked_and_deaf_controller(grbl: Make) -> None:
    bench = grbl(20.0, settings={20: 1, 22: 1, 130: 50})
    bench.sim.inject(b"$X\nG1X-90F100\n")
    axis = bench.connect("tcp")
    assert axis.position().trust is PositionTrust.UNKNOWN
    with pytest.raises(HardwareError, match=r"is locked: .*unlock it first"):
        axis.set_reference(16.0)
    assert "$X" not in bench.sim.received()[2:]  # nobody has asked for it
    axis.unlock()
    assert axis.locked is None
    axis.set_reference(16.0)


# --- faults in a move ---------------------------------------------------------------------------------


def during(seconds: float, action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def test_a_soft_limit_of_the_controller_is_told_in_words(grbl: Make) -> None:
    bench = grbl(20.0, settings={20: 1, 22: 1, 130: 50})
    axis = bench.connect()
    axis.unlock()
    axis.set_reference(0.0)
    with pytest.raises(MotionError, match=r"beyond the controller's soft limits \(ALARM:2\)"):
        axis.move_to(5.0)  # positive MPos is outside for GRBL
    with pytest.raises(PositionUnknownError, match="ALARM:2"):
        axis.move_to(1.0)
    assert axis.position().trust is PositionTrust.UNKNOWN
    assert bench.motor_mm == 0.0


@pytest.mark.parametrize("fault", ["reset", "power"])
def test_a_restart_in_mid_move_loses_the_position(grbl: Make, fault: str) -> None:
    bench = grbl(2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    timer = during(0.5, bench.sim.power_cycle if fault == "power" else lambda: bench.sim.inject(b"\x18"))
    with pytest.raises(MotionError, match="restarted by itself" if fault == "power" else "ALARM:3"):
        axis.move_to(30.0)
    timer.join()
    assert bench.speed_mm_s == 0.0
    assert axis.position().trust is PositionTrust.UNKNOWN
    moves = len(bench.moves_received())
    with pytest.raises(PositionUnknownError):
        axis.move_to(1.0)
    assert len(bench.moves_received()) == moves
    if fault == "reset":
        assert "ALARM:3" in (axis.locked or "")
        axis.unlock()
    axis.set_reference(5.0)
    axis.move_to(6.0)


def test_a_restart_between_moves_is_noticed(grbl: Make) -> None:
    bench = grbl()
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.move_to(2.0)
    bench.sim.power_cycle()
    assert wait_for(lambda: axis.position().trust is PositionTrust.UNKNOWN)
    with pytest.raises(PositionUnknownError, match="restarted by itself"):
        axis.move_to(3.0)


def test_a_foreign_hold_is_no_arrival(grbl: Make) -> None:
    """Somebody presses the hold button of the controller: the move fails, the rail stays known."""
    bench = grbl(10.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    during(0.2, lambda: bench.sim.inject(b"!"))
    with pytest.raises(MotionError, match="interrupted from elsewhere: its state is Hold"):
        axis.move_to(30.0)
    assert axis.position().value == pytest.approx(bench.motor_mm, abs=1e-3)
    axis.move_to(0.0)


def test_a_pulled_cable(grbl: Make) -> None:
    bench = grbl(2.0)
    axis = bench.connect("tcp")
    axis.set_reference(0.0)
    during(0.4, bench.sim.close)
    with pytest.raises(HardwareError, match=r"the connection to socket.* was lost"):
        axis.move_to(30.0)
    with pytest.raises(HardwareError, match="lost"):
        axis.move_to(1.0)


def test_a_stop_that_is_not_confirmed_ends_in_a_reset(grbl: Make) -> None:
    """No answer comes any more: after its deadline the hold is followed by a reset."""
    bench = grbl(1.0)
    axis = bench.connect("tcp")
    axis.set_reference(0.0)

    def silence_and_stop() -> None:
        assert wait_for(lambda: bench.speed_mm_s == 2.0)
        bench.sim.misbehave(RailFaultOrder(kind="slow_answers", seconds=8.0, count=1000))
        assert wait_for(lambda: bench.sim.schedule.happened != [])
        axis.stop()

    thread = threading.Thread(target=silence_and_stop)
    thread.start()
    with pytest.raises(MotionError, match="was stopped"):
        axis.move_to(30.0)
    thread.join()
    received = bench.sim.received()
    assert "!" in received
    assert "\x18" in received[received.index("!") :]
    assert bench.speed_mm_s == 0.0
    with pytest.raises(HardwareError):  # unknown, or still not answering
        axis.move_to(1.0)
    assert bench.speed_mm_s == 0.0


# --- the rig dies -------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from rig.axes.registry import RailSettings, open_axis
from rig.clock import ScaledClock
rail = RailSettings("grbl", sys.argv[1], 3200.0, 2.0, 50.0, 0.0, 32.0, "+", home_mm=0.0)
axis = open_axis(rail, ScaledClock(1.0))
print("moving", flush=True)
if sys.argv[2] == "home":
    axis.home()
axis.set_reference(0.0)
axis.move_to(30.0)
"""


def holder(port: str, motion: str = "move") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), port, motion],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "moving"
    return process


@pytest.mark.parametrize("wire", ["pty_path", "tcp_url"])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_carriage_is_held_when_the_rig_dies(grbl: Make, wire: str, sent: signal.Signals) -> None:
    bench = grbl(1.0)
    port = getattr(bench.sim, wire)
    process = holder(port)
    assert wait_for(lambda: bench.speed_mm_s == 2.0)
    killed_at_mm = bench.motor_mm
    process.send_signal(sent)
    process.communicate(timeout=20)
    assert wait_for(lambda: bench.speed_mm_s == 0.0, 2.0)
    # 0.04 mm to brake and 2 mm/s for as long as a loaded machine takes to notice: 1.5 s at the very most
    assert bench.motor_mm - killed_at_mm < 3.0
    assert "!" in bench.sim.received()
    assert wait_for(lambda: keepers_of(port) == [])
    rests_mm = bench.motor_mm
    time.sleep(0.2)
    assert bench.motor_mm == rests_mm


def test_homing_is_reset_when_the_rig_dies(grbl: Make) -> None:
    """GRBL does not listen to a hold while it homes."""
    bench = grbl(1.0, start_mm=10.0, settings={22: 1, 25: 120})
    process = holder(bench.sim.tcp_url, "home")
    assert wait_for(lambda: bench.speed_mm_s == 2.0)
    killed_at_mm = bench.motor_mm
    process.kill()
    process.communicate(timeout=20)
    assert wait_for(lambda: bench.speed_mm_s == 0.0, 2.0)
    assert bench.motor_mm - killed_at_mm < 3.0
    assert wait_for(lambda: keepers_of(bench.sim.tcp_url) == [])


def test_ctrl_c_at_the_terminal_does_not_reach_the_keeper(grbl: Make) -> None:
    bench = grbl()
    axis = bench.connect()
    (keeper,) = keepers_of(bench.sim.pty_path)
    assert os.getsid(keeper) != os.getsid(0)
    os.kill(keeper, signal.SIGINT)
    axis.set_reference(0.0)
    axis.move_to(1.0)


def test_a_terminated_keeper_holds_the_rail(grbl: Make) -> None:
    bench = grbl(1.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    (keeper,) = keepers_of(bench.sim.pty_path)
    during(0.4, lambda: os.kill(keeper, signal.SIGTERM))
    with pytest.raises(HardwareError, match="lost"):
        axis.move_to(30.0)
    assert wait_for(lambda: bench.speed_mm_s == 0.0, 2.0)
    assert bench.motor_mm < 10.0


def test_a_rail_is_held_when_its_port_can_only_be_written_to(grbl: Make) -> None:
    """As one whose answers another program takes, or at a serial server that hangs up one way."""
    bench = grbl(1.0)
    number = int(bench.sim.tcp_url.rpartition(":")[2])
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(("127.0.0.1", number)) as controller,
    ):
        clients: list[socket.socket] = []

        def forward(source: socket.socket, target: Callable[[], socket.socket]) -> None:
            with contextlib.suppress(OSError):  # one side has hung up
                while data := source.recv(4096):
                    target().sendall(data)

        def serve() -> None:
            with server.accept()[0] as client:
                clients.append(client)
                threading.Thread(target=forward, args=(controller, lambda: client), daemon=True).start()
                forward(client, lambda: controller)

        serving = threading.Thread(target=serve)
        serving.start()
        axis = open_axis(rail(f"socket://127.0.0.1:{server.getsockname()[1]}"), ScaledClock(1.0))
        axis.set_reference(0.0)
        during(0.5, lambda: clients[0].shutdown(socket.SHUT_WR))
        with pytest.raises(HardwareError, match="lost"):
            axis.move_to(30.0)
        axis.close()
        serving.join()
        assert wait_for(lambda: bench.speed_mm_s == 0.0, 2.0)
        assert 0.5 < bench.motor_mm < 4.0


def test_no_keeper_is_left_behind(grbl: Make) -> None:
    bench = grbl()
    for _ in range(3):
        bench.connect("tcp").close()
    assert keepers_of(bench.sim.tcp_url) == []


def test_a_simulator_that_goes_away_is_a_lost_port(grbl: Make) -> None:
    bench = grbl()
    port = Port(bench.sim.pty_path, 115200, b"!")
    try:
        assert wait_for(lambda: (port.read_line(0.1) or "").startswith("Grbl"))
        bench.sim.close()

        def talk() -> None:
            while True:
                port.write(b"?")
                port.read_line(0.1)

        with pytest.raises(HardwareError, match="lost"):
            talk()
    finally:
        port.close()
