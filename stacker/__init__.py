"""Fusion half of focusrig: registers and fuses the frames of a focus stack while they arrive.

>>> from stacker import Options, Stacker  # doctest: +SKIP
>>> stacker = Stacker(Options())
>>> for path in sorted(folder.glob("*.jpg")):
...     report = stacker.add(path)
>>> stacker.finish().save("stacked.tif")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stacker.errors import DataError, StackerError, UserError

if TYPE_CHECKING:
    from stacker.about import described
    from stacker.batch.files import BadFrame, FilesResult, fuse_files
    from stacker.colour.spaces import ColourSpace, find_space
    from stacker.credits import Credits
    from stacker.focus.sharpness import sharpness
    from stacker.folder import load_stack
    from stacker.frames import Frame, FrameMetadata, FrameSource, as_frame
    from stacker.fusion.base import DepthIndex
    from stacker.fusion.methods import Method
    from stacker.fusion.scoring import FusionParameters
    from stacker.io.decode import check_image, read_frame
    from stacker.io.development import Development, GreyPatch, Highlights, Recipe, WhiteBalance
    from stacker.io.encode import write_image
    from stacker.io.listing import list_frames, natural_order
    from stacker.io.pairs import Pairs
    from stacker.io.raw_names import RAW_SUFFIXES
    from stacker.io.saving import Chroma, Compression, Saving
    from stacker.io.session_facts import SetUp
    from stacker.io.stack_xmp import write_frame_sidecar
    from stacker.options import Border, Options, ReferenceView, Unregistered
    from stacker.order import Nearness, Order, nearness_by_index
    from stacker.outputs.crop import Crop, CropKind, cropped, parse_crop
    from stacker.outputs.frames import write_frames
    from stacker.outputs.layers import FusedLayer, LayersWritten, write_layers
    from stacker.outputs.suspects import Suspect, Suspects, find_suspects
    from stacker.registration.model import MotionModel
    from stacker.registration.rail import PupilFit
    from stacker.registration.saved import load_transforms
    from stacker.report.stack_page import write_report
    from stacker.result import FrameReport, Stack
    from stacker.retouch.applied import retouched
    from stacker.retouch.book import (
        FromFrame,
        FromFused,
        FromMethod,
        MaskFile,
        Polygon,
        Retouch,
        RetouchBook,
        Strokes,
        book_path,
    )
    from stacker.retouch.engine import Retoucher
    from stacker.stack import Stacker

__all__ = [
    "RAW_SUFFIXES",
    "BadFrame",
    "Border",
    "Chroma",
    "ColourSpace",
    "Compression",
    "Credits",
    "Crop",
    "CropKind",
    "DataError",
    "DepthIndex",
    "Development",
    "FilesResult",
    "Frame",
    "FrameMetadata",
    "FrameReport",
    "FrameSource",
    "FromFrame",
    "FromFused",
    "FromMethod",
    "FusedLayer",
    "FusionParameters",
    "GreyPatch",
    "Highlights",
    "LayersWritten",
    "MaskFile",
    "Method",
    "MotionModel",
    "Nearness",
    "Options",
    "Order",
    "Pairs",
    "Polygon",
    "PupilFit",
    "Recipe",
    "ReferenceView",
    "Retouch",
    "RetouchBook",
    "Retoucher",
    "Saving",
    "SetUp",
    "Stack",
    "Stacker",
    "StackerError",
    "Strokes",
    "Suspect",
    "Suspects",
    "Unregistered",
    "UserError",
    "WhiteBalance",
    "as_frame",
    "book_path",
    "check_image",
    "cropped",
    "described",
    "find_space",
    "find_suspects",
    "fuse_files",
    "list_frames",
    "load_stack",
    "load_transforms",
    "natural_order",
    "nearness_by_index",
    "parse_crop",
    "read_frame",
    "retouched",
    "sharpness",
    "write_frame_sidecar",
    "write_frames",
    "write_image",
    "write_layers",
    "write_report",
]

# Where the public names live. They are fetched on first use, because OpenCV takes longer to load than
# `stacker --help` may take.
_HOMES = {
    "stacker.about": ("described",),
    "stacker.batch.files": ("BadFrame", "FilesResult", "fuse_files"),
    "stacker.colour.spaces": ("ColourSpace", "find_space"),
    "stacker.credits": ("Credits",),
    "stacker.focus.sharpness": ("sharpness",),
    "stacker.folder": ("load_stack",),
    "stacker.frames": ("Frame", "FrameMetadata", "FrameSource", "as_frame"),
    "stacker.fusion.scoring": ("FusionParameters",),
    "stacker.fusion.base": ("DepthIndex",),
    "stacker.fusion.methods": ("Method",),
    "stacker.io.decode": ("check_image", "read_frame"),
    "stacker.io.development": ("Development", "GreyPatch", "Highlights", "Recipe", "WhiteBalance"),
    "stacker.io.encode": ("write_image",),
    "stacker.io.listing": ("list_frames", "natural_order"),
    "stacker.io.pairs": ("Pairs",),
    "stacker.io.raw_names": ("RAW_SUFFIXES",),
    "stacker.io.saving": ("Chroma", "Compression", "Saving"),
    "stacker.io.session_facts": ("SetUp",),
    "stacker.io.stack_xmp": ("write_frame_sidecar",),
    "stacker.options": ("Border", "Options", "ReferenceView", "Unregistered"),
    "stacker.order": ("Nearness", "Order", "nearness_by_index"),
    "stacker.outputs.crop": ("Crop", "CropKind", "cropped", "parse_crop"),
    "stacker.outputs.frames": ("write_frames",),
    "stacker.outputs.layers": ("FusedLayer", "LayersWritten", "write_layers"),
    "stacker.outputs.suspects": ("Suspect", "Suspects", "find_suspects"),
    "stacker.registration.model": ("MotionModel",),
    "stacker.registration.rail": ("PupilFit",),
    "stacker.registration.saved": ("load_transforms",),
    "stacker.report.stack_page": ("write_report",),
    "stacker.result": ("FrameReport", "Stack"),
    "stacker.retouch.applied": ("retouched",),
    "stacker.retouch.book": (
        "FromFrame",
        "FromFused",
        "FromMethod",
        "MaskFile",
        "Polygon",
        "Retouch",
        "RetouchBook",
        "Strokes",
        "book_path",
    ),
    "stacker.retouch.engine": ("Retoucher",),
    "stacker.stack": ("Stacker",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'stacker' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
