"""What the page of a stack tells; see docs/report.md."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from stacker.about import known_of
from stacker.batch.notes import few, notes_on, unregistered
from stacker.io.atomic import write_text
from stacker.io.metadata import told, unpacked
from stacker.io.sensor.specks import told_of_dust
from stacker.io.session_facts import SetUp, find_set_up
from stacker.options import Options
from stacker.outputs.suspects import Suspects, find_suspects, overlay
from stacker.report import pictures, plots
from stacker.report.page import Block, Card, Cards, Facts, Page, Picture, Plot, Prose, Section, Table
from stacker.report.render import render
from stacker.report.retouches import with_retouches
from stacker.result import FrameReport, Stack

__all__ = ["stack_page", "write_report"]

_PACKAGES = ("focusrig", "numpy", "opencv-python-headless", "numba", "imagecodecs", "tifffile", "exiv2")

_TAKEN = (
    ("exposure", "Exif.Photo.ExposureTime", "{} s"),
    ("f-number as set", "Exif.Photo.FNumber", "f/{}"),
    ("ISO", "Exif.Photo.ISOSpeedRatings", "{}"),
    ("focal length", "Exif.Photo.FocalLength", "{} mm"),
)

_SPECKS_NAMED = 12
"""Of dust: more would be a page of numbers, which the stack folder has."""

_KNOWN = (
    ("session", "session", "{}"),
    ("taken on", "date", "{}"),
    ("camera", "camera", "{}"),
    ("lens", "lens", "{}"),
    ("magnification", "magnification", "{} : 1"),
    ("effective f-number", "f_number", "f/{}"),
    ("step", "step", "{}"),
)


def write_report(
    stack: Stack,
    path: Path,
    name: str,
    *,
    folder: Path | None = None,
    suspects: bool = False,
    made: tuple[str, str] | None = None,
    more: Sequence[Section] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Write the page of a stack, complete or not at all.

    Parameters
    ----------
    stack : Stack
        A result or a stack folder that was loaded.
    path : Path
        Ends in ``.html``.
    name : str
        What the stack is called.
    folder : Path, optional
        Its stack folder: the picture is shown with the retouches beside it, and they are listed.
    suspects : bool
        Look for likely wrong picks, too, which reads all frames again: in the picture as it was fused.
    made : tuple of str, optional
        What stacked it and when; now and by this software unless said otherwise.
    more : sequence of Section
        What others have to tell, such as a run's verdicts; stands before the settings.
    progress : callable, optional
        Told of the frames that are read for suspects.

    Raises
    ------
    UserError
        When suspects are asked for and the depth is not known.
    DataError
        When a frame has changed that suspects need, the retouches are damaged, or the disk is full.
    """
    found = find_suspects(stack, progress=progress) if suspects else None
    shown, repairs = (stack, None) if folder is None else with_retouches(stack, folder)
    write_text(path, render(stack_page(shown, name, repairs=repairs, suspects=found, made=made, more=more)))


def stack_page(
    stack: Stack,
    name: str,
    *,
    repairs: Section | None = None,
    suspects: Suspects | None = None,
    made: tuple[str, str] | None = None,
    more: Sequence[Section] = (),
) -> Page:
    """The page as data; see `write_report`."""
    files = [source.path for source in stack.sources if source is not None]
    set_up = find_set_up(files) if files else SetUp()
    used = sum(report.used for report in stack.reports)
    height, width = stack.image.shape[:2]
    simulated = stack.metadata.simulated
    sections = (
        _result(stack, name, set_up),
        *(() if repairs is None else (repairs,)),
        _frames(stack),
        _coverage(stack),
        _registration(stack),
        _depth(stack),
        _suspects(stack, suspects, retouched=repairs is not None),
        *more,
        _settings(stack, made),
    )
    return Page(
        title=f"Stack {name}",
        summary=f"{used} of {len(stack.reports)} frames, {width} × {height} px, {stack.method}"
        + (f" ({stack.reason})" if stack.reason else ""),
        sections=sections,
        simulated=simulated,
        software=f"Written by focusrig {installed_version('focusrig')}.",
    )


def _result(stack: Stack, name: str, set_up: SetUp) -> Section:
    known, exif = known_of(stack, set_up, name), unpacked(stack.metadata)[0]
    pairs = [(what, form.format(known[key])) for what, key, form in _KNOWN if key in known]
    pairs += [(what, form.format(_number(told(exif, key)))) for what, key, form in _TAKEN if told(exif, key)]
    pairs.append(("noise of the frames", f"{stack.noise_sigma:.1f} of 255"))
    recipe = next((source.recipe for source in stack.sources if source is not None), None)
    if recipe is not None and recipe.dust is not None:
        pairs.append(("dust on the sensor", told_of_dust(recipe.dust, _SPECKS_NAMED)))
    blocks: list[Block] = [pictures.result_picture(stack, f"The stacked picture {name}"), Facts(tuple(pairs))]
    odd = (*unregistered(stack), *notes_on(stack, ()))
    if odd:
        blocks.append(Prose(tuple(f"{text}." for text in odd), warning=True))
    return Section("result", "Result", (*blocks, *pictures.crops(stack)))


def _number(text: str) -> str:
    """A number of EXIF as photographers write it: short times as parts of a second, all else with a point."""
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return text
    return str(value) if 1 in {value.numerator, value.denominator} else f"{float(value):.4g}"


def _frames(stack: Stack) -> Section:
    never = {report.index for report in stack.unused}
    stamps = pictures.stamps(stack.sources)
    cards = [
        _card(report, share, stamp, report.index in never)
        for report, share, stamp in zip(stack.reports, stack.shares, stamps, strict=True)
    ]
    along = _along(stack)
    chart = plots.bars(
        "share",
        along,
        [100 * share for share in stack.shares],
        [report.index in never or not report.used for report in stack.reports],
        "share of the detail, %",
    )
    blocks: list[Block] = [
        Plot(
            chart,
            f"Share of each frame: {_shares(stack)}.",
            "Of the picture's detail, what is sharpest in it.",
        )
    ]
    if never:
        names = few([report.name for report in stack.unused])
        blocks.insert(0, Prose((f"Never used, as nothing is sharpest in them: {names}.",)))
    arrays = stack.sources.count(None)
    if arrays:
        blocks.append(Prose((f"{arrays} of {len(stamps)} frames were no files, so they are not shown.",)))
    missing = sum(stamp is None for stamp in stamps) - arrays
    if missing:
        told_of = "frames are not where they were, so they are" if missing > 1 else "frame is gone, so it is"
        blocks.append(Prose((f"{missing} {told_of} not shown.",)))
    return Section("frames", "Frames", (*blocks, Cards(tuple(cards)), _numbers(stack)))


def _shares(stack: Stack) -> str:
    pairs = zip(stack.reports, stack.shares, strict=True)
    return ", ".join(f"{report.index + 1}: {share:.1%}" for report, share in pairs)


def _card(report: FrameReport, share: float, stamp: Picture | None, never: bool) -> Card:
    facts = [("share", f"{share:.1%}")]
    if report.position_mm is not None:
        facts.insert(0, ("position", f"{report.position_mm:.3f} mm"))
    marks = []
    if not report.used:
        marks.append("left out")
    if not report.registered:
        marks.append(f"not registered: {report.verdict.value}")
    if never:
        marks.append("never used")
    return Card(f"{report.index + 1}. {report.name}", stamp, tuple(facts), tuple(marks))


def _numbers(stack: Stack) -> Table:
    heads = (
        "frame", "name", "position, mm", "verdict", "share, %", "sharpness", "correlation", "misfit, px",
        "scale", "rotation, °", "shift x, px", "shift y, px", "gain R", "gain G", "gain B",
    )  # fmt: skip
    rows = []
    for report, share in zip(stack.reports, stack.shares, strict=True):
        position = "" if report.position_mm is None else f"{report.position_mm:.3f}"
        misfit = f"{report.misfit_px:.2f}" if np.isfinite(report.misfit_px) else "no match"
        rows.append(
            (
                str(report.index + 1),
                report.name,
                position,
                report.verdict.value + ("" if report.used else ", left out"),
                f"{100 * share:.2f}",
                f"{report.sharpness:.1f}",
                f"{report.correlation:.3f}",
                misfit,
                f"{report.scale:.5f}",
                f"{report.rotation_deg:.3f}",
                *(f"{value:.1f}" for value in report.shift_px),
                *(f"{value:.3f}" for value in report.gain),
            )
        )
    numeric = frozenset(range(len(heads))) - {1, 3}
    return Table("All numbers of the frames", heads, tuple(rows), numeric, folded=True)


def _along(stack: Stack) -> plots.Along:
    positions = [report.position_mm for report in stack.reports if report.position_mm is not None]
    if len(positions) == len(stack.reports) and len(set(positions)) == len(positions):
        return plots.Along(tuple(positions), "rail position, mm (grows towards the subject)", False)
    return plots.Along(tuple(float(report.index + 1) for report in stack.reports), "frame", True)


_BEYOND = "much at an end may mean that the subject goes on beyond it"


def _coverage(stack: Stack) -> Section:
    picture, everywhere = pictures.coverage(stack)
    shares = [share for report, share in zip(stack.reports, stack.shares, strict=True) if report.used]
    ends = (
        f"The first frame is the sharpest in {shares[0]:.1%} of the detail, the last one in {shares[-1]:.1%}"
    )
    reach = f"All frames reach {everywhere:.0%} of the picture."
    return Section("coverage", "Coverage", (Prose((reach, f"{ends}: {_BEYOND}.")), picture))


def _registration(stack: Stack) -> Section:
    along, reports = _along(stack), stack.reports

    def drawn(key: str, what: str, unit: str, *pairs: tuple[str, Callable[[FrameReport], float]]) -> Plot:
        found = [plots.Curve(name, tuple(value(report) for report in reports)) for name, value in pairs]
        told_of = "; ".join(
            f"{curve.name or what} {min(curve.values):.5g} to {max(curve.values):.5g}" for curve in found
        )
        label = f"{what}, {unit}" if unit else what
        return Plot(
            plots.curves(key, along, found, label),
            f"{what} along the stack: {told_of} {unit}".strip(),
            told_of,
        )

    blocks: list[Block] = [
        drawn("scale", "scale", "", ("", lambda report: report.scale)),
        drawn(
            "shift", "shift", "px",
            ("right", lambda report: report.shift_px[0]), ("down", lambda report: report.shift_px[1]),
        ),
        drawn("rotation", "rotation", "°", ("", lambda report: report.rotation_deg)),
        drawn(
            "gain", "gain", "",
            ("red", lambda report: report.gain[0]), ("green", lambda report: report.gain[1]),
            ("blue", lambda report: report.gain[2]),
        ),
    ]  # fmt: skip
    fit = stack.pupil_fit
    if fit is not None:
        distance = f"{fit.pupil_distance_mm:.1f} ± {fit.standard_error_mm:.1f} mm"
        blocks.append(Prose((f"The sizes of the frames tell of a pupil distance of {distance}.",)))
    return Section("registration", "Registration and brightness", tuple(blocks))


def _depth(stack: Stack) -> Section:
    picture = pictures.depth_picture(stack)
    if picture is None:
        return Section("depth", "Depth", (Prose((f"The method {stack.method} does not tell the depth.",)),))
    return Section("depth", "Depth", (picture,))


def _suspects(stack: Stack, found: Suspects | None, *, retouched: bool) -> Section:
    title = "Where to look first"
    if found is None:
        text = "Not looked for: stacker report --suspects does, and stacker suspects lists them."
        return Section("suspects", title, (Prose((text,)),))
    if not found.places:
        return Section("suspects", title, (Prose(("No place where a wrong pick is likely.",)),))
    rows = tuple(
        (
            str(number),
            ", ".join(map(str, place.box)),
            place.reason,
            f"{place.score:.0f}",
            " to ".join(place.frames),
        )
        for number, place in enumerate(found.places, start=1)
    )
    heads = ("place", "left, top, width, height in px", "why", "off, of 255", "frames that meet")
    count = f"{len(rows)} of {len(rows) + found.more}" if found.more else str(len(rows))
    caption = f"{count} places where a wrong pick is likely, the worst first; stacker retouch repairs them."
    if retouched:
        caption += " They were looked for in the picture as it was fused, without its retouches."
    picture = pictures.overlay_picture(
        overlay(stack, found), "The dim picture with the places marked and numbered", "Marked on the picture."
    )
    return Section("suspects", title, (Table(caption, heads, rows, frozenset({0, 3})), picture))


def _settings(stack: Stack, made: tuple[str, str] | None) -> Section:
    pairs = [("method", stack.method)]
    if made is not None:
        pairs += [("stacked by", made[0]), ("stacked at", made[1])]
    asked = pydantic.TypeAdapter(Options).dump_python(stack.options, mode="json")
    rows = tuple(_flat(asked))
    versions = [("Python", platform.python_version()), *_versions()]
    return Section(
        "settings",
        "Settings and versions",
        (
            Facts(tuple(pairs)),
            Table("Settings as they were asked for", ("setting", "value"), rows, folded=True),
            Facts(tuple(versions)),
        ),
    )


def _flat(table: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    found = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{key}.")
        elif key != "scratch_dir":  # a folder of the machine, which the page may leave
            found.append((f"{before}{key}", "" if value is None else str(value)))
    return found


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in _PACKAGES:
        try:
            found.append((package, installed_version(package)))
        except PackageNotFoundError:  # numba may be left out
            found.append((package, "not installed"))
    return found
