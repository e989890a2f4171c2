"""libgphoto2's configuration entries as plain values; runs in the process that owns a camera."""

from __future__ import annotations

from typing import Any

import gphoto2 as gp

from rig.cameras.bodies.profile import SettingState
from rig.cameras.gphoto_guards import peek_text

__all__ = ["entry", "every_entry"]

_TEXTS = (gp.GP_WIDGET_TEXT, gp.GP_WIDGET_RADIO, gp.GP_WIDGET_MENU)
_SECTIONS = (gp.GP_WIDGET_WINDOW, gp.GP_WIDGET_SECTION)
_OTHER = "other"
"""The section that repeats the body's properties by number."""


def every_entry(camera: Any) -> dict[str, SettingState]:
    """Every configuration entry that has a name and a meaning, by name."""
    found: dict[str, SettingState] = {}
    _walk(camera.get_config(), found)
    return found


def _walk(widget: Any, found: dict[str, SettingState]) -> None:
    if widget.get_type() in _SECTIONS:
        if widget.get_name() != _OTHER:
            for child in widget.get_children():
                _walk(child, found)
        return
    state = entry(widget)
    if state is not None:
        found.setdefault(state.name, state)


def entry(widget: Any) -> SettingState | None:
    """One entry; None for what is neither text, number nor switch."""
    kind = widget.get_type()
    name, label, read_only = widget.get_name(), widget.get_label(), bool(widget.get_readonly())
    if kind in _TEXTS:
        choices = () if kind == gp.GP_WIDGET_TEXT else tuple(widget.get_choices())
        return SettingState(name, label, peek_text(widget), choices, read_only)
    if kind == gp.GP_WIDGET_RANGE:
        limits = tuple(widget.get_range())
        return SettingState(name, label, f"{widget.get_value():g}", (), read_only, limits)
    if kind == gp.GP_WIDGET_TOGGLE:
        return SettingState(name, label, str(widget.get_value()), ("0", "1"), read_only)
    return None
