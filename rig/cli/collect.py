"""``rig watch`` and ``rig match``: frames that somebody else fires, or that stayed on the card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rig.cli.machines import write_json
from rig.cli.options import JsonOption, SessionArgument

__all__ = ["match", "register", "watch"]

WatchedArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where frames appear; nothing in it is moved or changed.")
]
GapOption = Annotated[
    str | None,
    typer.Option(
        "--gap",
        metavar="TIME",
        help="A longer pause between two exposures begins a new stack: 5s without --count.",
    ),
]
CountOption = Annotated[
    int | None,
    typer.Option(
        "--count", metavar="N", min=1, help="N frames make a stack; with --gap, fewer before such a pause."
    ),
]
PairsOption = Annotated[
    bool, typer.Option("--pairs", help="Each frame is a RAW and a JPEG with one name, and waits for both.")
]
SubfoldersOption = Annotated[
    bool, typer.Option("--subfolders", help="Pictures in folders within it count, too: DCIM/100MSDCF.")
]
ExistingOption = Annotated[
    bool, typer.Option("--existing", help="Group the pictures that are there already, too.")
]
StacksOption = Annotated[
    int | None, typer.Option("--stacks", metavar="N", min=1, help="End after N stacks; else at Ctrl-C.")
]
StackOption = Annotated[bool, typer.Option("--stack/--no-stack", help="Stack while frames come.")]
NameOption = Annotated[str, typer.Option("--name", help="Name of the sessions.")]
FolderOption = Annotated[
    Path, typer.Option("--folder", metavar="DIR", help="Where session folders are made.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("watch")(watch)
    app.command("match")(match)


def watch(
    folder: WatchedArgument,
    gap: GapOption = None,
    count: CountOption = None,
    pairs: PairsOption = False,
    subfolders: SubfoldersOption = False,
    existing: ExistingOption = False,
    stacks: StacksOption = None,
    stack: StackOption = True,
    name: NameOption = "stack",
    into: FolderOption = Path("sessions"),
    as_json: JsonOption = False,
) -> None:
    """Make a session of every stack that appears in a folder: in-camera bracketing, another tether program.

    Prints the stacked image of each, or its session without --stack. Ctrl-C finishes the stack in hand.
    """
    from rig.cli.stopping import stopping
    from rig.cli.watch import watcher
    from rig.frames.collect import Grouping, collect
    from rig.units import parse_time_s

    grouping = Grouping(
        gap_s=None if gap is None else parse_time_s(gap, "--gap", bare="accept"),
        count=count,
        files_per_frame=2 if pairs else 1,
        existing=existing,
        subfolders=subfolders,
        stacks=stacks,
    )
    with stopping() as stopper, watcher(as_json=as_json) as display:
        found = collect(folder, grouping, into, name, stopper.event, [display], stack=stack)
    if not as_json:
        for one in found:
            typer.echo(one.image or one.session)


CardArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The pictures of this run, copied from the card; no others.")
]


def match(
    session: SessionArgument,
    folder: CardArgument,
    pairs: PairsOption = False,
    subfolders: SubfoldersOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring pictures from the card into the session that fired them (driver = "none").

    There must be one for each release, in the same rhythm; otherwise nothing is copied.
    """
    from dataclasses import asdict

    from rig.frames.matching import match_frames

    matched = match_frames(session, folder, 2 if pairs else 1, subfolders=subfolders)
    if as_json:
        write_json(asdict(matched), line=True)
        return
    how = "by number and order only: they carry no time"
    if matched.worst_s is not None:
        how = f"in the rhythm of the releases, {matched.worst_s:.1f} s off at most"
    typer.echo(f"{matched.matched} pictures matched, {how}. To stack them: stacker fuse {session}")
