"""What the command line calls to shoot a stack or to go on with one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rig import __version__
from rig.config import LoadedConfig, RigConfig, config_from_table
from rig.errors import DataError, UserError
from rig.events import Subscriber
from rig.journal import Entry
from rig.lens_drive.run import LensRun
from rig.plan import StackPlan
from rig.planning.ends import here_of
from rig.planning.lens_plan import LensPlan
from rig.rails.state import RailState
from rig.runs.held import HeldDevices, HeldRun
from rig.runs.run import Operator, Outcome, SessionRun, ShootOptions
from rig.runs.stopping import Stopper
from rig.session import Session
from rig.state import PositionCount

__all__ = ["Operator", "Outcome", "ShootOptions", "Stopper", "last_counted_mm", "resume", "shoot"]


def shoot(
    loaded: LoadedConfig,
    plan: StackPlan | LensPlan,
    options: ShootOptions,
    operator: Operator,
    stopper: Stopper,
    subscribers: Sequence[Subscriber] = (),
    *,
    name: str | None = None,
    folder: Path | None = None,
    devices: HeldDevices | None = None,
) -> Outcome:
    """Shoot a plan into a new session.

    Parameters
    ----------
    name, folder : optional
        Of the session, instead of the configuration's.
    devices : HeldDevices, optional
        Rail and camera that are connected already, and stay so.

    Raises
    ------
    Interrupted
        When stopped by the operator; the session can be resumed.
    RigError
        When something is wrong; the message says what and, once frames exist, how to go on.
    """
    config = loaded.config
    by_lens = isinstance(plan, LensPlan)
    if not by_lens:
        config.check_real_hardware()
    session = Session.create(
        folder or config.session.folder,
        name or config.session.name,
        template=config.session.file_template,
        simulated=config.simulated,
    )
    session.shots = plan.shots
    with session:
        session.journal.append(
            "session_started",
            name=session.name,
            template=config.session.file_template,
            simulated=config.simulated,
            note="SIMULATED: nothing in this session was photographed" if config.simulated else None,
            plan=json.loads(plan.model_dump_json()),  # an infinite pupil distance is text there
            config=loaded.table,
            config_file=loaded.path.name,
            software=f"focusrig {__version__}",
            options={"accept_clipping": options.accept_clipping, "stack": options.stack},
        )
        here_is_mm = 0.0 if options.here_is_mm is None else options.here_is_mm
        if options.here_is_last:
            here_is_mm = last_counted_mm(config)
        if devices is not None:
            held = HeldRun(session, config, plan, options, operator, stopper, subscribers, devices)
            return held.go(here_is_mm)
        run = LensRun if by_lens else SessionRun
        return run(session, config, plan, options, operator, stopper, subscribers).go(here_is_mm)


def resume(
    folder: Path,
    options: ShootOptions,
    operator: Operator,
    stopper: Stopper,
    subscribers: Sequence[Subscriber] = (),
) -> Outcome:
    """Go on with a session: shoot what its journal does not have yet.

    Raises
    ------
    UserError
        When the folder is no session, somebody else has it, or nobody says where the carriage stands.
    DataError
        When its journal is damaged.
    """
    session, first = Session.open(folder)
    with session:
        config, plan = _planned(first, folder)
        session.shots = plan.shots
        kept = first.get("options", {})
        options = replace(
            options,
            accept_clipping=options.accept_clipping or bool(kept.get("accept_clipping")),
            stack=options.stack and bool(kept.get("stack", True)),
        )
        if _counted_anew(config, session.journal.entries):
            options = replace(options, counted_anew=True)
        here_is_mm = options.here_is_mm
        if options.here_is_last:
            here_is_mm = last_counted_mm(config)
        by_lens = isinstance(plan, LensPlan)  # that run asks live view whether the count holds
        asked = options.counted_anew or config.simulated
        if here_is_mm is None and not by_lens and config.rail.counted and not asked:
            here_is_mm = _still_there_mm(config, operator)
        elif here_is_mm is None and not by_lens:
            last = session.last_position()
            if config.simulated:
                here_is_mm = 0.0 if last is None else last.position_mm  # the bench is set up again just so
            elif config.rail.reference == "here" and not asked and (kept := here_of(config, None)).kept:
                here_is_mm = kept.position_mm
                options = replace(options, here_is_kept=True)
            elif config.rail.reference == "here":
                known = "" if last is None else f" It was last known to be {last.text}."
                if options.counted_anew:
                    known += " Since then another command was told where it stands, and may have moved it."
                here_is_mm = operator.ask_position_mm(
                    f"The position of the carriage is not known after a new connection.{known} "
                    "Where does it stand, counted as in the first run?"
                )
        if here_is_mm is not None and not by_lens:
            options = replace(options, here_is_mm=here_is_mm)
        session.journal.append("resumed", software=f"focusrig {__version__}", here_is_mm=here_is_mm)
        run = LensRun if by_lens else SessionRun
        return run(session, config, plan, options, operator, stopper, subscribers).go(here_is_mm or 0.0)


def last_counted_mm(config: RigConfig) -> float:
    """Return where the count of a crank, or of a motor that cannot be asked, says that it stands, mm.

    Raises
    ------
    UserError
        When it keeps no count, has none yet, or a move was not finished.
    """
    rail = config.rail
    if not rail.counted:
        raise UserError("--here-is last is for a rail whose count is kept, such as a crank; say a position")
    counted = PositionCount(rail.name).read()
    what = _counted_rail(config)
    if counted is None:
        raise UserError(
            f"there is no count of this {what} yet: say where it stands, --here-is 0mm for instance"
        )
    if not counted.holds:
        raise UserError(f"the {what} was last {counted.text}: say where it stands, --here-is LENGTH")
    return counted.position_mm


def _counted_rail(config: RigConfig) -> str:
    return "crank" if config.rail.by_hand else "rail"


def _still_there_mm(config: RigConfig, operator: Operator) -> float:
    """Where a rail stands that was let go of: where it was counted last, if nobody has touched it."""
    counted = PositionCount(config.rail.name).read()
    what = _counted_rail(config)
    if counted is None or not counted.holds:
        known = "" if counted is None else f" It was last {counted.text}."
        return operator.ask_position_mm(
            f"The position of the {what} is not known.{known} Where does it stand, counted as in the first "
            "run?"
        )
    operator.confirm(
        f"The {what} was last left at {counted.text}. It goes on from there, if nobody has turned it."
    )
    return counted.position_mm


def _planned(first: Entry, folder: Path) -> tuple[RigConfig, StackPlan | LensPlan]:
    """Configuration and plan of a session, from its first journal line."""
    if first.get("collected"):
        raise UserError(
            f"{folder} was collected by rig watch, nothing is left to shoot; to stack it: "
            f"stacker fuse {folder}"
        )
    try:
        config = config_from_table(first["config"], f"{folder}: journal")
        if first["plan"].get("axis") == "lens":
            return config, LensPlan.model_validate(first["plan"])
        return config, StackPlan.model_validate(first["plan"])
    except (KeyError, ValueError) as err:
        raise DataError(f"the journal of {folder} does not hold the plan of the run any more: {err}") from err


def _counted_anew(config: RigConfig, entries: Sequence[Entry]) -> bool:
    """Whether the rail has been zeroed, or told otherwise where it stands, since the session was left."""
    if config.simulated or not config.rail.is_there or config.rail.by_hand:
        return False
    since = RailState.of(config.rail).read().counted_since
    return since is not None and since > datetime.fromisoformat(entries[-1]["at"])
