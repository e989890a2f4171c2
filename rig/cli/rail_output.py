"""What ``rig rail`` prints: tables for people, one JSON object for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rig.axes.base import AxisPosition, PositionTrust
from rig.axes.grbl_settings import NAMES
from rig.axes.ports import SerialPort
from rig.cli.machines import write_json
from rig.cli.table import show_rows
from rig.config import LoadedConfig
from rig.formatting import format_duration, format_length
from rig.rails.held import RailFacts, Reached, Zeroed
from rig.rails.limits import LimitsFound
from rig.rails.setup import Proposal
from rig.rails.stop import Stopped

__all__ = [
    "show_facts",
    "show_limits",
    "show_ports",
    "show_position",
    "show_proposal",
    "show_proposal_json",
    "show_reached",
    "show_stopped",
    "show_zeroed",
]

_TRUST = {
    PositionTrust.TRUSTED: "reported by the controller",
    PositionTrust.HOST_COUNTED: "counted by this computer",
    PositionTrust.UNKNOWN: "not known",
}


def _out() -> Console:
    return Console(highlight=False)


def _position_dict(position: AxisPosition) -> dict[str, Any]:
    """A position for machines: null when it is not known."""
    known = position.trust is not PositionTrust.UNKNOWN
    return {"position_mm": round(position.value, 6) if known else None, "trust": position.trust.value}


def _text(position: AxisPosition) -> str:
    if position.trust is PositionTrust.UNKNOWN:
        return "not known"
    return f"{position.value:.4f} mm ({_TRUST[position.trust]})"


def show_ports(found: Sequence[SerialPort], loaded: LoadedConfig, *, as_json: bool) -> None:
    """Print the serial ports."""
    rail = loaded.config.rail
    simulated = loaded.config.simulated and rail.is_there
    configured = None if simulated else rail.port
    if as_json:
        bench = {"driver": rail.driver} if simulated else None
        write_json({"ports": [asdict(p) for p in found], "configured": configured, "simulated": bench})
        return
    console = _out()
    table = Table("port", "USB", "what it says", "mostly", box=None, pad_edge=False)
    for port in found:
        says = ", ".join(t for t in (port.description, port.maker, port.serial_number) if t)
        mark = f"{port.device} ← rig.toml" if port.device == configured else port.device
        table.add_row(*(Text(t) for t in (mark, port.usb or "", says, port.chip or "")))
    if found:
        console.print(table)
    if simulated:
        console.print(f"SIMULATED: a {rail.driver} rail on the bench", style="magenta")
    elif configured is not None and configured not in {p.device for p in found}:
        console.print(f"configured: {configured} (none of the serial ports here)", soft_wrap=True)


def show_facts(facts: RailFacts, *, as_json: bool) -> None:
    """Print everything that is known of a rail."""
    if as_json:
        answer = asdict(facts)
        answer["position"] = _position_dict(facts.position)
        answer["settings"] = {f"${number}": value for number, value in facts.settings.items()}
        write_json(answer)
        return
    show_rows(_rows(facts), facts.warnings, _out())


def _rows(facts: RailFacts) -> Iterator[tuple[str, str]]:
    yield "rail", f"SIMULATED, {facts.name}" if facts.simulated else facts.name
    yield "driver", facts.driver
    if facts.firmware:
        yield "firmware", facts.firmware
    why = f": {facts.unknown_because}" if facts.unknown_because else ""
    yield "position", _text(facts.position) + why
    if facts.locked:
        yield "locked", facts.locked
    limits, configured = facts.limits, facts.configured_limits
    narrowed = (
        "" if limits == configured else f" (configured {configured.low:g} mm to {configured.high:g} mm)"
    )
    yield "limits", f"{limits.low:g} mm to {limits.high:g} mm{narrowed}"
    yield "microstep", format_length(facts.resolution_mm)
    yield "speed", f"10 mm take {format_duration(facts.move_10_mm_s)}"
    yield "homing", "yes" if facts.can_home else "no"
    for number, name in NAMES.items():
        if number in facts.settings:
            yield f"${number}", f"{facts.settings[number]:g}  {name}"


def show_position(position: AxisPosition, verb: str, *, as_json: bool) -> None:
    """Print where a rail stands."""
    if as_json:
        write_json(_position_dict(position))
    else:
        _out().print(f"{verb}: {_text(position)}")


def show_reached(reached: Reached, *, as_json: bool) -> None:
    """Print a move."""
    if as_json:
        write_json({**_position_dict(reached.after), "from_mm": round(reached.before.value, 6)})
        return
    moved = reached.after.value - reached.before.value
    way = "" if abs(moved) < 1e-6 else f", {format_length(abs(moved))} {'closer' if moved > 0 else 'back'}"
    _out().print(f"at {_text(reached.after)}{way}")


def show_zeroed(zeroed: Zeroed, *, survives: bool, simulated: bool, as_json: bool) -> None:
    """Print where the count begins now, and what became of soft limits."""
    if as_json:
        shift = None if zeroed.shift_mm is None else round(zeroed.shift_mm, 6)
        limits = {"shift_mm": shift, "soft_limits_kept": zeroed.limits_kept, "survives": survives}
        write_json({**_position_dict(zeroed.position), **limits})
        return
    console = _out()
    console.print(f"here is {zeroed.position.value:g} mm")
    if not survives and not simulated:
        console.print(
            "The next command may not know it any more: this controller is reset when its port is opened, or "
            "counts 0 here as it does after being switched on. rig live holds one connection from zero to "
            "shoot; --here-is says it again.",
            soft_wrap=True,
        )


def show_limits(found: LimitsFound, *, as_json: bool) -> None:
    """Print the limits in force."""
    if as_json:
        set_at = None if found.set_at is None else found.set_at.isoformat(timespec="seconds")
        write_json(
            {
                "limits_mm": [found.in_force.low, found.in_force.high],
                "configured_mm": [found.configured.low, found.configured.high],
                "set_at": set_at,
                "zero_mm": round(found.zero_mm, 6),
                "simulated": found.simulated,
            }
        )
        return
    rows = [("limits", f"{found.in_force.low:g} mm to {found.in_force.high:g} mm")]
    if found.set_at is not None:
        rows.append(("soft limits", f"set {found.set_at.astimezone():%d %b %H:%M}; rig rail limits clear"))
    rows.append(("configuration", f"{found.configured.low:g} mm to {found.configured.high:g} mm"))
    if found.zero_mm:
        rows.append(("zero", f"at {-found.zero_mm:g} mm as the configuration counts; rig rail limits clear"))
    show_rows(rows, [], _out())


def show_proposal(proposal: Proposal) -> None:
    """Print settings, old and new."""
    console = _out()
    console.print(f"{proposal.rail}, {proposal.firmware}", soft_wrap=True)
    if proposal.changes:
        table = Table("", "is", "should be", "", box=None, pad_edge=False)
        for change in proposal.changes:
            table.add_row(f"${change.number}", f"{change.old:g}", f"{change.new:g}", Text(change.name))
        console.print(table)
    else:
        console.print("every setting is as the configuration asks for")
    for note in proposal.notes:
        console.print(note, soft_wrap=True)


def show_proposal_json(proposal: Proposal, *, written: bool) -> None:
    """Print settings, old and new, and whether they were written, for machines."""
    write_json({**asdict(proposal), "written": written})


def show_stopped(stopped: Stopped, *, as_json: bool) -> None:
    """Print how a rail was stopped."""
    if as_json:
        position = None if stopped.position is None else _position_dict(stopped.position)
        write_json(
            {"holder": stopped.holder, "held": stopped.held, "let_go": stopped.let_go, "position": position}
        )
        return
    console = _out()
    if stopped.holder is None:
        console.print("no rig command had the rail; connected to it, and it is at rest", soft_wrap=True)
    else:
        held = "the rail was held" if stopped.held else "it has no motor that could be held"
        ended = ", and has let go of it" if stopped.let_go else ""
        console.print(f"{held}; {stopped.holder} was asked to end{ended}", soft_wrap=True)
    if stopped.position is not None:
        console.print(f"at {_text(stopped.position)}", soft_wrap=True)
