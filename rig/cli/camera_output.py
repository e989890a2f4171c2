"""What ``rig camera`` prints: tables for people, JSON for machines; remarks on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rig.cameras.base import LockReport, SettingReport, SettingVerdict
from rig.cameras.inquiry import CameraFacts
from rig.cameras.listing import ListedCamera
from rig.cameras.protocol import StorageSpace
from rig.cli.machines import write_json
from rig.grey import GreyBalance
from rig.tether import FiledFrame

if TYPE_CHECKING:
    from rig.liveview.run import PreviewFrame

__all__ = [
    "PreviewDisplay",
    "note",
    "show_check",
    "show_frame",
    "show_grey",
    "show_info",
    "show_list",
    "show_setting",
    "show_shot",
]

_STYLES = {
    SettingVerdict.OK: "green",
    SettingVerdict.SET: "cyan",
    SettingVerdict.ASK: "yellow",
    SettingVerdict.REFUSED: "red",
}
_FEW_CHOICES = 8
"""So many choices fit a line; more are counted."""


def note(text: str, *, style: str = "") -> None:
    """Say something beside the results, on standard error."""
    Console(stderr=True, highlight=False).print(Text(text, style=style), soft_wrap=True)


def _table(*headings: str) -> Table:
    table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=bool(headings))
    if not headings:
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
    return table


def _print(table: Table) -> None:
    Console(highlight=False).print(table)


def show_list(found: Sequence[ListedCamera], *, as_json: bool) -> None:
    """Print the cameras that are there."""
    if as_json:
        write_json([asdict(camera) for camera in found])
        return
    if not found:
        return
    table = _table("port", "camera", "driven as", "")
    for camera in found:
        trouble = Text(camera.trouble, style="yellow")
        table.add_row(
            Text(camera.port),
            Text(("SIMULATED " if camera.simulated else "") + (camera.model or "–")),
            camera.profile or "–",
            trouble,
        )
    _print(table)


def show_info(facts: CameraFacts, *, settings: bool, as_json: bool) -> None:
    """Print what a body says of itself."""
    if as_json:
        answer = asdict(facts)
        if not settings:
            del answer["settings"]
        write_json(answer)
        return
    body = facts.info
    mark = "SIMULATED " if body.simulated else ""
    table = _table()
    rows = {
        "camera": f"{mark}{body.manufacturer} {body.model}".strip(),
        "port": body.port,
        "driven as": facts.profile,
        "firmware": facts.firmware,
        "serial number": body.serial,
        "lens": body.lens or "not told",
        "battery": body.battery or "not told",
        "card": "; ".join(map(_space, facts.storages)) or "not told",
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(value))
    for what in facts.capabilities:
        table.add_row(
            what.name, Text(f"{'yes' if what.available else 'no'}{f': {what.detail}' if what.detail else ''}")
        )
    _print(table)
    if settings:
        listed = _table("setting", "value", "choices")
        for state in facts.settings:
            value = "–" if state.value is None else state.value
            listed.add_row(state.name, Text(value), Text(_choices(state.choices, state.limits)))
        _print(listed)


def _space(space: StorageSpace) -> str:
    if space.free_bytes is None:
        return f"{space.label}, room not told"
    of = "" if space.capacity_bytes is None else f" of {space.capacity_bytes / 1e9:.1f}"
    return f"{space.label}: {space.free_bytes / 1e9:.1f}{of} GB free"


def _choices(choices: tuple[str, ...], limits: tuple[float, float, float] | None) -> str:
    if limits is not None:
        return f"{limits[0]:g} to {limits[1]:g}"
    if len(choices) <= _FEW_CHOICES:
        return ", ".join(choices)
    return f"{', '.join(choices[: _FEW_CHOICES - 2])}, … {choices[-1]} ({len(choices)})"


def _plain(setting: SettingReport) -> dict[str, Any]:
    return {**asdict(setting), "verdict": setting.verdict.value}


def show_check(report: LockReport, *, fix: bool, as_json: bool) -> None:
    """Print the verdicts on everything that a stack needs of a body."""
    if as_json:
        exposure = {"shutter_s": report.shutter_s, "aperture": report.aperture, "iso": report.iso}
        answer = {
            "ready": not report.refused,
            "fixed": fix,
            **exposure,
            "white_balance": report.white_balance,
            "settings": [_plain(setting) for setting in report.settings],
        }
        write_json(answer)
        return
    table = _table("", "is", "verdict", "")
    for setting in report.settings:
        verdict = setting.verdict
        said = "to be set" if verdict is SettingVerdict.SET and not fix else verdict.value
        now = setting.after or setting.before
        table.add_row(
            setting.name,
            Text("–" if now is None else now),
            Text(said, style=_STYLES[verdict]),
            Text(setting.message),
        )
    _print(table)
    if not fix and any(setting.verdict is SettingVerdict.SET for setting in report.settings):
        note("nothing was changed; `--fix` sets what is to be set, and so does `rig shoot`")
    if not report.refused:
        asked = ", ".join(setting.name for setting in report.to_ask)
        note(f"ready for a stack{f' once you have seen to: {asked}' if asked else ''}")


def show_setting(report: SettingReport, *, as_json: bool) -> None:
    """Print a setting that was set."""
    if as_json:
        write_json(_plain(report))
        return
    was = "" if report.verdict is SettingVerdict.OK else f" (was {report.before})"
    sys.stdout.write(f"{report.name} is {report.after}{was}\n")


def _frame(frame: FiledFrame) -> dict[str, Any]:
    return {**asdict(frame), "path": None if frame.path is None else str(frame.path)}


def show_shot(report: LockReport, frames: Iterable[FiledFrame], *, exif: bool, as_json: bool) -> None:
    """Print a frame's files, how they are exposed, and on request their EXIF."""
    from rig.frames.exif import exif_facts

    told = []
    for frame in frames:
        facts = exif_facts(frame.path) if exif and frame.path else {}
        told.append({**_frame(frame), **({"exif": facts} if exif else {})})
        if not as_json:
            sys.stdout.write(f"{frame.path}\n")
            _say_levels(frame)
            table = _table()
            for name, value in facts.items():
                table.add_row(name, Text(value))
            if facts:
                _print(table)
    for setting in (*report.refused, *report.to_ask):
        note(f"{setting.name}: {setting.message}", style="yellow")
    if as_json:
        write_json(
            {
                "files": told,
                "shutter_s": report.shutter_s,
                "aperture": report.aperture,
                "iso": report.iso,
                "white_balance": report.white_balance,
                "settings": [_plain(setting) for setting in report.settings],
            }
        )


def _say_levels(frame: FiledFrame) -> None:
    if frame.levels is not None:
        size = f"{frame.levels.width_px} × {frame.levels.height_px} px"
        note(f"{size}, mean {frame.levels.mean:.0f} of 255, {frame.levels.clipped_fraction:.2%} clipped")
    if frame.refused:
        note(frame.refused, style="yellow")


def show_frame(frame: FiledFrame, *, as_json: bool) -> None:
    """Print a file as it comes: its path, or one line of JSON."""
    if as_json:
        write_json(_frame(frame), line=True)
        return
    if frame.path is not None:
        sys.stdout.write(f"{frame.path}\n")
        sys.stdout.flush()
    _say_levels(frame)


class PreviewDisplay:
    """Tells of live view: a line of JSON for every frame, or the paths of files and a line that is renewed.

    Parameters
    ----------
    as_json : bool
        JSON lines on standard output.
    """

    _EVERY_S = 0.5

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=True, highlight=False)
        self._began_s: float | None = None
        self._said_s = 0.0
        self._frames = 0

    def __enter__(self) -> PreviewDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal and self._frames:
            self._console.print()

    def address(self, page: str, stream: str) -> None:
        """Say where live view can be seen."""
        if self._as_json:
            write_json({"address": page, "stream": stream}, line=True)
        else:
            sys.stdout.write(f"{page}\n")
            sys.stdout.flush()
            note(f"open it in a browser; programs read {stream}; end with Ctrl-C")

    def frame(self, frame: PreviewFrame) -> None:
        """Tell of a frame."""
        self._frames += 1
        now_s = time.monotonic()
        self._began_s = self._began_s or now_s
        if self._as_json:
            told = {name: value for name, value in asdict(frame.shown).items() if name != "jpeg"}
            path = None if frame.path is None else str(frame.path)
            write_json({"frame": frame.number, **told, "path": path}, line=True)
            return
        if frame.path is not None:
            sys.stdout.write(f"{frame.path}\n")
            sys.stdout.flush()
        if self._console.is_terminal and now_s - self._said_s > self._EVERY_S:
            self._said_s = now_s
            self._console.print(self._line(frame, now_s - self._began_s), end="\r")

    def _line(self, frame: PreviewFrame, seconds: float) -> Text:
        shown = frame.shown
        rate = f"{(self._frames - 1) / seconds:.0f} a second, " if seconds > 0 else ""
        peaked = "" if shown.peaked is None else f", {shown.peaked:.1%} peaked"
        return Text(
            f"{self._frames} frames, {rate}sharpness {shown.sharpness:.2f}{peaked}, "
            f"{shown.clipped_white:.1%} white, {shown.clipped_black:.1%} black   "
        )


def show_grey(balance: GreyBalance, *, as_json: bool) -> None:
    """A white balance that was measured on a grey card."""
    if as_json:
        write_json(balance.model_dump(mode="json"))
        return
    red, _, blue = balance.gains
    left = f"left on the card: red × {red:.3f}, blue × {blue:.3f} would make it grey"
    note(f"{balance.model}, {'1 frame' if balance.frames == 1 else f'{balance.frames} frames'}; {left}")
    if balance.left_over:
        note(balance.left_over, style="yellow")
    note('kept: write white_balance = "grey" in [capture]')
    sys.stdout.write(balance.white_balance + "\n")
