"""``rig rail …``: a rail alone: what is connected, where it stands, moved, told where it is, limited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from rig.cli.option_groups import RailOptions, flattened, length_mm
from rig.cli.options import (
    ConfigOption,
    HereOption,
    JsonOption,
    PortOption,
    SimulateOption,
    StepsOption,
    TimeScaleOption,
    UnlockOption,
)
from rig.cli.rail_tilt import tilt
from rig.cli.stopping import stopping
from rig.errors import HardwareError, PositionUnknownError, UserError

if TYPE_CHECKING:
    from rig.config import LoadedConfig
    from rig.rails.held import HeldRail

__all__ = ["register"]

_NEGATIVE = {"ignore_unknown_options": True}
"""Or ``-2mm`` would be taken for an option."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        no_args_is_help=True,
        help="A rail alone: what is connected, where it stands, move it, tell it where it is, limit it.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.command("list")(list_ports)
    for command in (info, jog, move, home, zero, stop, limits, setup, tilt):
        settings = _NEGATIVE if command in (move, limits) else None
        group.command(command.__name__, context_settings=settings)(flattened(command))
    app.add_typer(group, name="rail")


def list_ports(
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serial ports with what their USB side says of itself, and the configured one; exit code 3 for none."""
    from rig.axes.ports import list_serial_ports
    from rig.cli import rail_output as output
    from rig.rails import alone as rails

    loaded = rails.find_rig(config, None, simulate=simulate, time_scale=time_scale)
    found = list_serial_ports()
    output.show_ports(found, loaded, as_json=as_json)
    if not found and loaded.config.rail.port is None and not loaded.config.simulated:
        raise HardwareError("no serial port was found: is the rail's USB cable in, and its power on?")


def info(
    here_is: HereOption = None,
    *,
    which: RailOptions,
) -> None:
    """Controller, firmware and its settings, where the rail stands and how that is known, its limits."""
    from rig.cli import rail_output as output

    with _connect("info", which.find(), here_is) as rail:
        facts = rail.facts()
    output.show_facts(facts, as_json=which.as_json)


def move(
    position: Annotated[
        str | None, typer.Argument(metavar="LENGTH", help="Where to, counted from zero: 5mm, 350um.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="LENGTH", help="By a distance instead; positive is to the subject."),
    ] = None,
    home_first: Annotated[bool, typer.Option("--home", help="Home the rail before.")] = False,
    here_is: HereOption = None,
    unlock: UnlockOption = False,
    *,
    which: RailOptions,
) -> None:
    """Move to a position, and say where it came to rest. Never beyond the limits; Ctrl-C stops it."""
    from rig.cli import rail_output as output

    if (position is None) == (by is None):
        raise UserError("say either where to, rig rail move 5mm, or by how much, rig rail move --by 5mm")
    to_mm, by_mm = length_mm(position, "LENGTH"), length_mm(by, "--by")
    with _connect("move", which.find(), here_is, unlock=unlock) as rail:
        if home_first:
            rail.home()
        reached = rail.move(to_mm=to_mm, by_mm=by_mm)
    output.show_reached(reached, as_json=which.as_json)


def jog(
    steps: StepsOption = "10um,0.1mm,1mm",
    here_is: HereOption = None,
    unlock: UnlockOption = False,
    *,
    which: RailOptions,
) -> None:
    """Move with the arrow keys, in three step sizes, inside the limits; space stops, z zeroes, q ends."""
    from rig.cli import rail_output as output
    from rig.cli.jog_keys import HELP, handle, status
    from rig.cli.keyboard import Keyboard, StatusLine
    from rig.rails.jogging import parse_steps

    steps_mm = parse_steps(steps)
    keyboard, line = Keyboard("rig rail move is for scripts"), StatusLine()
    with _connect("jog", which.find(), here_is, unlock=unlock) as rail:
        rail.ask_where()
        line.say(f"{HELP}\n  z      call this place 0                           q      end")
        with keyboard, rail.jogged(steps_mm) as jogger:
            while (key := keyboard.key(0.05)) != "q":
                rail.stopper.check()
                if key == "z":
                    jogger.stop()
                    line.say(f"here is {rail.zero().position.value:g} mm")
                elif key is not None:
                    try:
                        said = handle(jogger, key)[1]
                    except PositionUnknownError as err:  # after a stop that not every controller can count
                        said = f"{err}: z calls this place 0, q ends"
                    if said:
                        line.say(said)
                line.show(status(jogger.report(), jogger, rail.axis.limits))
            position = jogger.stop()
        line.end()
    output.show_position(position, "left", as_json=which.as_json)


def home(
    *,
    which: RailOptions,
) -> None:
    """Let the controller find its switch; the rail then stands at the configured home_position."""
    from rig.cli import rail_output as output

    with _connect("home", which.find()) as rail:
        position = rail.home()
    output.show_position(position, "homed", as_json=which.as_json)


def zero(
    at: Annotated[
        str, typer.Option("--at", metavar="LENGTH", help="What the place where it stands is called.")
    ] = "0mm",
    here_is: HereOption = None,
    unlock: UnlockOption = False,
    *,
    which: RailOptions,
) -> None:
    """Call the place where the carriage stands 0: positions count from there. Nothing moves."""
    from rig.cli import rail_output as output

    at_mm = length_mm(at, "--at")
    assert at_mm is not None
    with _connect("zero", which.find(), here_is, unlock=unlock) as rail:
        zeroed = rail.zero(at_mm)
        survives, simulated = rail.count_survives, rail.config.simulated
    output.show_zeroed(zeroed, survives=survives, simulated=simulated, as_json=which.as_json)


def limits(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[set LOW HIGH | set here near|far | clear]", help="Nothing shows those in force."
        ),
    ] = None,
    here_is: HereOption = None,
    *,
    which: RailOptions,
) -> None:
    """Show the soft limits, or set them: no move of any command goes beyond.

    They are kept for this rail, inside those of the configuration, and count from the same zero. near is the
    end away from the subject, far the one towards it.
    """
    from rig.cli import rail_output as output
    from rig.rails.limits import LimitsOrder

    order = LimitsOrder.from_words(words or [])
    loaded = which.find()
    if order.here is None:
        found = order.carry_out(loaded)
    else:
        with _connect("limits", loaded, here_is) as rail:
            found = order.carry_out(loaded, rail.where().value)
    output.show_limits(found, as_json=which.as_json)


def stop(config: ConfigOption = None, port: PortOption = None, as_json: JsonOption = False) -> None:
    """Stop the rail now, also while another rig command moves it: that one is held, and asked to end.

    Exit code 3 when the rail is held but the command that owns it has not let go after 10 s.
    """
    from rig.cli import rail_output as output
    from rig.cli.terminal import Terminal
    from rig.rails.alone import find_rig
    from rig.rails.stop import stop_rail

    with stopping() as stopper:
        stopped = stop_rail(find_rig(config, port), Terminal(yes=False), stopper)
    output.show_stopped(stopped, as_json=as_json)
    if not stopped.let_go:
        raise HardwareError(f"{stopped.holder} has been told to end and still has the port: end it by hand")


def setup(
    soft_limits: Annotated[
        bool,
        typer.Option("--soft-limits", help="Have the controller guard its travel, too; it must have homing."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show old and new; write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    *,
    which: RailOptions,
) -> None:
    """Set a GRBL controller to the configured pitch, motor, microsteps, speed, ramp and travel.

    Shows old and new values, writes them when confirmed, and reads them back.
    """
    from rig.cli import rail_output as output
    from rig.cli.terminal import Terminal
    from rig.rails.setup import propose, write

    with _connect("setup", which.find(), to_set_up=True) as rail:
        proposal = propose(rail, soft_limits=soft_limits)
        writes = bool(proposal.changes) and not dry_run
        if not which.as_json:
            output.show_proposal(proposal)
        if writes:
            Terminal(yes=yes).confirm(
                f"This is about to be written to the {proposal.rail}; where it stands is then not known."
            )
            write(rail, proposal)
    if which.as_json:
        output.show_proposal_json(proposal, written=writes)
    elif writes:
        typer.echo("written, and read back")


@contextmanager
def _connect(
    what: str,
    loaded: LoadedConfig,
    here_is: str | None = None,
    *,
    to_set_up: bool = False,
    unlock: bool = False,
) -> Iterator[HeldRail]:
    from rig.cli.output import note_simulated
    from rig.cli.terminal import Terminal
    from rig.rails.alone import connected

    here_mm = length_mm(here_is, "--here-is")
    note_simulated(loaded)
    with (
        stopping() as stopper,
        connected(
            loaded,
            f"rig rail {what}",
            Terminal(yes=False),
            stopper,
            here_is_mm=here_mm,
            to_set_up=to_set_up,
            unlock=unlock,
        ) as rail,
    ):
        if what != "info":  # which tells all that there is to tell
            for note in rail.notes:
                typer.echo(note, err=True)
        yield rail
