"""``rig live``: one connection from the first jog to the last frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rig.cli.looks_options import LooksOptions
from rig.cli.machines import write_json
from rig.cli.option_groups import (
    MotionOptions,
    PictureOptions,
    RailOptions,
    RunOptions,
    StackOptions,
    asked_for,
    flattened,
    length_mm,
)
from rig.cli.options import (
    CalibratedOption,
    HereOption,
    StepsOption,
    UnlockOption,
)
from rig.cli.stopping import stopping
from rig.errors import Interrupted, RigError

if TYPE_CHECKING:
    from rig.cli.keyboard import Keyboard, StatusLine
    from rig.runs.set_up import SetUp

__all__ = ["register"]

_HELP = """\
  z  call this place 0       n  near is here       f  far is here      t  take a test frame
  p  show the plan           r  rehearse it        s  shoot it         q  end"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("live")(flattened(live))


def live(
    picture: PictureOptions,
    stepped: StackOptions,
    motion: MotionOptions,
    rail: RailOptions,
    drawn: LooksOptions,
    calibrated: CalibratedOption = True,
    here_is: HereOption = None,
    home: Annotated[bool, typer.Option("--home", help="Home the rail first.")] = False,
    unlock: UnlockOption = False,
    address: Annotated[
        str, typer.Option("--address", metavar="[127.0.0.1:]PORT", help="Of live view; 0 takes a free port.")
    ] = "0",
    steps: StepsOption = "10um,0.1mm,1mm",
    *,
    run: RunOptions,
) -> None:
    """Set a stack up with the keyboard, and shoot it: one connection from the first jog to the last frame.

    Nothing is reopened in between, so what was zeroed and marked is what is shot.
    """
    from rig.cli.keyboard import Keyboard, StatusLine
    from rig.cli.output import note_simulated
    from rig.cli.terminal import Terminal
    from rig.cli.watch import watcher
    from rig.rails.jogging import parse_steps
    from rig.runs.set_up import set_up
    from rig.runs.shoot import ShootOptions

    asked, as_json = asked_for(picture, stepped), rail.as_json
    steps_mm = parse_steps(steps)
    here_mm = length_mm(here_is, "--here-is")
    loaded = motion.applied(rail.find())
    keyboard = Keyboard("rig shoot is for scripts")
    note_simulated(loaded)
    with stopping() as stopper, watcher(as_json=as_json) as watch:
        operator = Terminal(yes=run.yes, display=watch)

        def shoot(setup: SetUp) -> None:
            options = ShootOptions(
                accept_clipping=run.accept_clipping or loaded.config.capture.accept_clipping, stack=run.stack
            )
            plan = setup.plan(asked, calibrated=calibrated)
            outcome = setup.shoot(plan, options, operator, [watch], name=run.name, folder=run.folder)
            if not as_json:
                typer.echo(outcome.stack or outcome.session)

        with set_up(
            loaded,
            operator,
            stopper,
            here_is_mm=here_mm,
            home=home,
            unlock=unlock,
            address=address,
            looks=drawn.looks(),
            steps_mm=steps_mm,
        ) as setup:
            face = _Face(setup, keyboard, StatusLine(), as_json=as_json)
            face.actions = {
                "n": lambda: face.mark("near"),
                "f": lambda: face.mark("far"),
                "z": face.zero,
                "t": lambda: face.test_frame(run.folder or loaded.config.session.folder),
                "p": lambda: face.show(asked, calibrated=calibrated),
                "r": lambda: setup.rehearse(setup.plan(asked, calibrated=calibrated)),
                "s": lambda: face.with_lines(lambda: shoot(setup)),
                "h": face.help,
                "?": face.help,
            }
            face.run()


class _Face:
    """The keyboard on one side, the set-up on the other."""

    actions: dict[str, Callable[[], object]]

    def __init__(self, setup: SetUp, keyboard: Keyboard, line: StatusLine, *, as_json: bool) -> None:
        self._setup, self._keyboard, self._line, self._as_json = setup, keyboard, line, as_json

    def run(self) -> None:
        """Do what the keys say until q, or until somebody stops it."""
        self.help()
        for note in self._setup.rail.notes:
            self._line.say(note)
        if self._setup.address is not None:
            self._line.say(f"live view: {self._setup.address}")
        stopper = self._setup.rail.stopper
        with self._keyboard:
            while (key := self._keyboard.key(0.05)) != "q":
                stopper.check()
                if key is not None:
                    self._act(key)
                self._look()
            self._setup.stop()
        self._line.end()

    def _act(self, key: str) -> None:
        """One key; what goes wrong is told, and the rig stays connected."""
        from rig.cli.jog_keys import handle

        try:
            if key == "space":
                self._setup.stop()
            elif key in self.actions:
                self.actions[key]()
            elif said := handle(self._setup.jogger, key)[1]:
                self._line.say(said)
        except Interrupted:
            raise
        except RigError as err:
            self._line.say("\n".join([str(err), *getattr(err, "__notes__", ())]))

    def _look(self) -> None:
        from rig.cli.jog_keys import status

        setup = self._setup
        report = setup.look()
        marks = "".join(
            f"  {name} {mm:.3f}"
            for name, mm in (("near", setup.near_mm), ("far", setup.far_mm))
            if mm is not None
        )
        doing = "  rehearsing" if setup.rehearsing else ""
        self._line.show(status(report, setup.jogger, setup.rail.axis.limits) + marks + doing)
        trouble = setup.view.take_trouble() if setup.view is not None else None
        if trouble is not None:
            self._line.say(f"live view has ended: {trouble}")

    def help(self) -> None:
        """Say what the keys do."""
        from rig.cli.jog_keys import HELP

        self._line.say(f"{HELP}\n{_HELP}")

    def mark(self, which: Any) -> None:
        """Mark an end."""
        self._tell({"event": "marked", which: round(self._setup.mark(which), 6)}, f"{which} is here")

    def zero(self) -> None:
        """Count from here."""
        self._setup.zero()
        self._tell({"event": "zeroed"}, "here is 0 mm")

    def test_frame(self, folder: Path) -> None:
        """Take a frame, and say how it is exposed."""
        for frame in self._setup.test_frame(folder):
            levels = frame.levels
            told = (
                ""
                if levels is None
                else f": mean {levels.mean:.0f} of 255, {levels.clipped_fraction:.1%} clipped"
            )
            self._tell({"event": "test_frame", "file": str(frame.path)}, f"{frame.path}{told}")

    def show(self, asked: dict[str, Any], *, calibrated: bool) -> None:
        """Show the plan between the marks."""
        from rig.cli.output import show_plan

        plan = self._setup.plan(asked, calibrated=calibrated)
        self._line.end()
        show_plan(plan, self._setup.loaded, as_json=self._as_json)

    def with_lines(self, action: Callable[[], None]) -> None:
        """Do something that asks and shows in lines; keys that were pressed meanwhile are dropped."""
        self._line.end()
        with self._keyboard.suspended():
            action()

    def _tell(self, event: dict[str, Any], text: str) -> None:
        if self._as_json:
            write_json(event, line=True)
        self._line.say(text)
