"""``stacker fuse``: frames in, one picture out."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stacker.cli.credit_options import CreditOptions
from stacker.cli.crop_options import CropOptions
from stacker.cli.development_options import DevelopmentOptions
from stacker.cli.exits import interruptible
from stacker.cli.opening_options import OpeningOptions, open_result
from stacker.cli.option_groups import flattened
from stacker.cli.registration_options import RegistrationOptions
from stacker.cli.saving_options import SavingOptions
from stacker.cli.telling import (
    JsonOption,
    QuietOption,
    as_json,
    on_terminal,
    shown_progress,
    summary,
    warnings_of,
)
from stacker.cli.wanted import Wanted
from stacker.errors import UserError

if TYPE_CHECKING:
    from stacker.batch.slabs import Slabs
    from stacker.io.development import Development
    from stacker.io.listing import FoundFrames
    from stacker.options import Options

__all__ = ["register"]


class _Method(Enum):
    AUTO = "auto"
    PYRAMID = "pyramid"
    DEPTHMAP = "depthmap"
    WEIGHTED = "weighted"


class _Order(Enum):
    NEAR_FIRST = "near-first"
    FAR_FIRST = "far-first"


class _Border(Enum):
    FILL = "fill"
    COMMON = "common"
    REFERENCE = "reference"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("fuse", no_args_is_help=True)(flattened(_fuse))


def _fuse(
    frames: Annotated[
        list[Path],
        typer.Argument(
            metavar="FRAMES",
            help="JPEG, PNG, TIFF or RAW files, or a folder of them; 2 comes before 10.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The picture: .tif, .png, .jpg or .dng. An existing one is replaced once it is done. "
            "Without it, frames that are given as files are stacked beside the first, as FIRST-stack.",
        ),
    ] = None,
    method: Annotated[
        _Method,
        typer.Option(
            help="auto: the pyramid, and the depth map where that is better, place by place. "
            "pyramid: band by band, by local sharpness; for hairs and anything with depth behind depth. "
            "depthmap: whole pixels of the sharpest frame; for smooth opaque subjects and clean colour. "
            "weighted: a soft average; for few frames.",
            rich_help_panel="Fusion",
        ),
    ] = _Method.AUTO,
    opaque_foreground: Annotated[
        bool,
        typer.Option(
            "--opaque-foreground",
            help="Let the nearest sharp thing win: far detail does not shine through what is before it. "
            "Not for glass and wings. Needs positions or --order.",
            rich_help_panel="Fusion",
        ),
    ] = False,
    order: Annotated[
        _Order | None,
        typer.Option(
            help="Whether the first frame is in focus nearest to the camera or farthest from it: an opaque "
            "foreground needs it, and it helps where hairs cross things behind them. Positions tell as well.",
            rich_help_panel="Fusion",
        ),
    ] = None,
    border: Annotated[
        _Border,
        typer.Option(
            help="fill: all that any frame reaches, filled from those that do. common: what all reach. "
            "reference: the field of the reference frame.",
            rich_help_panel="Fusion",
        ),
    ] = _Border.FILL,
    slab: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Also write a picture of every so many frames, OUTPUT-slab-001 and on, for retouching.",
            rich_help_panel="Fusion",
        ),
    ] = None,
    overlap: Annotated[
        int,
        typer.Option(
            min=0, help="Frames that a slab has in common with the one before it.", rich_help_panel="Fusion"
        ),
    ] = 0,
    *,
    crop: CropOptions,
    registration: RegistrationOptions,
    credit: CreditOptions,
    development: DevelopmentOptions,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave out frames that cannot be read, have another size or show another subject, and "
            "name them.",
        ),
    ] = False,
    stored: SavingOptions,
    opening: OpeningOptions,
    sidecar: Annotated[
        bool,
        typer.Option(
            "--sidecar", help="Also write what the picture says of itself beside it, as picture.xmp."
        ),
    ] = False,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Also write a stack folder beside the picture (picture.stack): transforms, depth, reports; "
            "what later commands need.",
        ),
    ] = False,
    layers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write a layered file (.psd, .psb, .tif or .ora), as stacker layers does.",
        ),
    ] = None,
    report_page: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Also write a page (.html) that tells of the stack, as stacker report.",
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads; all by default.")] = None,
    json_report: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fuse the frames of a focus stack into one picture that is sharp all over.

    Example: stacker fuse photos/ -o stacked.tif

    stacker fuse a.tif b.tif c.tif is for programs that edit with others: it writes a-stack.tif beside them.

    The profile and EXIF of the frames are kept. Nothing is written unless all is finished.

    Exit codes: 0 done; 2 wrong use; 4 a frame that cannot be used, or a full disk; 130 interrupted.
    """
    with interruptible():
        started = time.perf_counter()
        from stacker.handover import name_beside
        from stacker.outputs.crop import cropped

        templates, opener = credit.templates(), opening.opener()
        paths, told = _frames(frames, output, development)
        beside = output is None
        output = output or name_beside(paths)
        wanted = Wanted(
            output,
            stored.saving(),
            keep,
            _slabs(slab, overlap),
            registration.save_transforms,
            not (quiet or json_report),
            layers,
            sidecar,
            report_page,
        )
        wanted.check()
        part = crop.part()
        wanted.check_frames(paths)
        start = registration.reference_index(len(paths))
        where = registration.found_positions(paths)
        options = _options(
            method=method,
            opaque_foreground=opaque_foreground,
            order=order,
            border=border,
            registration=registration,
            pupil_mm=registration.pupil_mm(where),
            scratch_dir=output.parent,
            development=development.development(stored.colour_space, output),
        )
        _use_threads(threads)

        from stacker.batch.files import fuse_files, with_metadata

        with shown_progress(wanted.talk and on_terminal()) as progress:
            result = fuse_files(
                paths,
                options,
                reference=start,
                positions_mm=where.positions_mm if where else None,
                transforms=registration.known_transforms(),
                skip_bad=skip_bad,
                progress=progress,
            )
        if beside:  # another call may have taken the name meanwhile
            output = name_beside(paths)
            wanted = replace(wanted, output=output)
        notes = (*told, *result.notes)
        result = replace(result, stack=cropped(result.stack, part), notes=notes)
        result = with_metadata(result, templates, output.stem)
        written = wanted.write(result)
    seconds = time.perf_counter() - started
    if not json_report:
        for warning in (*warnings_of(result), *written.notes):
            typer.echo(f"stacker: {warning}", err=True)
    problem = open_result(opener, output)
    if json_report:
        report = as_json(result, output, seconds, where) | written.as_json()
        report["notes"] = [*result.notes, *written.notes]
        typer.echo(json.dumps(report | {"not_opened": problem}))
    elif wanted.talk:
        typer.echo(summary(result, output, seconds, where))


def _frames(
    sources: list[Path], output: Path | None, development: DevelopmentOptions
) -> tuple[list[Path], tuple[str, ...]]:
    """The frames, and what is to be said about files that are none."""
    folder = next(filter(os.path.isdir, sources), None)
    if output is None and folder is not None:
        raise UserError(
            f"Where is the picture of {folder} to go? Say -o FILE; only frames that are given one by one "
            "are stacked beside the first"
        )
    found = development.found(sources, output)
    return found.paths, (*development.told(found), *_results_told(found))


def _results_told(found: FoundFrames) -> tuple[str, ...]:
    """A sentence about pictures that are fused already."""
    from stacker.batch.notes import few

    taken = [path.name for path in found.results if path in found.paths]
    left = [path.name for path in found.results if path not in found.paths]
    told = []
    if taken:
        told.append(f"{few(taken)}: fused before, and taken for frames because there are no others")
    if left:
        told.append(f"{few(left)}: fused before, and left out of the frames")
    return tuple(told)


def _slabs(frames: int | None, overlap: int) -> Slabs | None:
    if frames is None:
        if overlap:
            raise UserError("--overlap is of slabs: say how many frames they have, such as --slab 10")
        return None
    from stacker.batch.slabs import Slabs

    return Slabs(frames, overlap)


def _options(
    *,
    method: _Method,
    opaque_foreground: bool,
    order: _Order | None,
    border: _Border,
    registration: RegistrationOptions,
    pupil_mm: float | None,
    scratch_dir: Path,
    development: Development,
) -> Options:
    from stacker.options import Border, Method, MotionModel, Options, Order, Unregistered

    return Options(
        method=Method(method.value),
        opaque_foreground=opaque_foreground,
        order=Order(order.value) if order else None,
        border=Border(border.value),
        align=registration.align,
        model=MotionModel(registration.model.value),
        exposure=registration.exposure,
        unregistered=Unregistered.DROP if registration.drop_unregistered else Unregistered.PREDICT,
        pupil_distance_mm=pupil_mm,
        scratch_dir=scratch_dir,
        development=development,
    )


def _use_threads(threads: int | None) -> None:
    import cv2

    if threads is not None:
        cv2.setNumThreads(threads)
