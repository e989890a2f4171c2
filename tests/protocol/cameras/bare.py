"""libgphoto2 as it comes, in a process of its own: orders as JSON lines on one pipe, answers on another.

It is not in the process of the simulated bodies because `exit` and others hold the interpreter's lock, and a
body that cannot answer meanwhile looks dead.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Library:
    """The calls that tests make. Every one answers with JSON."""

    def __init__(self, private: Path) -> None:
        from rig.cameras.gphoto_guards import prepare_surroundings

        prepare_surroundings(private)
        import gphoto2

        self.gp, self.private, self.camera = gphoto2, private, None

    def connect(self, port: str | None) -> dict[str, Any]:
        """Open a PTP/IP port, or whatever autodetection finds first."""
        from rig.cameras.gphoto_guards import keep_descriptor_0, use_only_network_ports

        gp = self.gp
        found = []
        if port is None:
            found = [list(pair) for pair in gp.Camera.autodetect()]
            model, port = found[0]
        else:
            use_only_network_ports(self.private)
            model = "PTP/IP Camera"
        ports, abilities = gp.PortInfoList(), gp.CameraAbilitiesList()
        ports.load()
        abilities.load()
        self.camera = gp.Camera()
        self.camera.set_abilities(abilities[abilities.lookup_model(model)])
        self.camera.set_port_info(ports[ports.lookup_path(port)])
        try:
            self.camera.init()
        finally:
            keep_descriptor_0()
        return {"found": found}

    def leave(self) -> None:
        """Disconnect."""
        from rig.cameras.gphoto_guards import keep_descriptor_0

        camera, self.camera = self.camera, None
        try:
            camera.exit()
        finally:
            keep_descriptor_0()

    def tree(self) -> dict[str, dict[str, Any]]:
        """Names, values, choices and read-only flags of the configuration, without the numbered copies."""
        return {widget.get_name(): self._told(widget) for widget in self._entries(self.camera.get_config())}

    def read(self, name: str) -> dict[str, Any]:
        """One entry."""
        return self._told(self.camera.get_single_config(name))

    def write(self, name: str, value: Any) -> None:
        """Set one entry."""
        widget = self.camera.get_single_config(name)
        widget.set_value(value)
        self.camera.set_single_config(name, widget)

    def trigger(self) -> None:
        """Release without waiting."""
        self.camera.trigger_capture()

    def capture(self) -> list[str]:
        """Release, and wait for the file; folder and name."""
        path = self.camera.capture(self.gp.GP_CAPTURE_IMAGE)
        return [path.folder, path.name]

    def files(self, count: int, seconds: float) -> list[list[str]]:
        """Files that are told of, until there are so many or the time is over."""
        found: list[list[str]] = []
        end = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < end:
            kind, data = self.camera.wait_for_event(20)
            if kind == self.gp.GP_EVENT_FILE_ADDED:
                found.append([data.folder, data.name])
        return found

    def fetch(self, folder: str, name: str, path: str) -> dict[str, Any]:
        """Fetch a file to a path; its announced size where libgphoto2 knows one."""
        try:
            announced = self.camera.file_get_info(folder, name).file.size
        except self.gp.GPhoto2Error:
            announced = None
        file = self.camera.file_get(folder, name, self.gp.GP_FILE_TYPE_NORMAL)
        size = Path(path).write_bytes(memoryview(file.get_data_and_size()))
        return {"size": size, "announced": announced}

    def delete(self, folder: str, name: str) -> None:
        """Delete a file on the card."""
        self.camera.file_delete(folder, name)

    def previews(self, count: int, path: str = "") -> dict[str, Any]:
        """Frames of live view; the last is kept at a path."""
        started, used = time.monotonic(), time.process_time()
        good = 0
        for _ in range(count):
            file = self.camera.capture_preview()
            data = bytes(memoryview(file.get_data_and_size()))
            good += data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
        if path:
            Path(path).write_bytes(data)
        return {"good": good, "seconds": time.monotonic() - started, "cpu_s": time.process_time() - used}

    def storage(self) -> list[dict[str, int]]:
        """Capacity and free room of each storage, kB."""
        return [
            {"capacity_kb": int(s.capacitykbytes), "free_kb": int(s.freekbytes)}
            for s in self.camera.get_storageinfo()
        ]

    def _entries(self, widget: Any) -> Iterator[Any]:
        if widget.get_type() not in (self.gp.GP_WIDGET_WINDOW, self.gp.GP_WIDGET_SECTION):
            yield widget
        elif widget.get_name() != "other":
            for child in widget.get_children():
                yield from self._entries(child)

    def _told(self, widget: Any) -> dict[str, Any]:
        from rig.cameras.gphoto_guards import peek_text

        gp, kind = self.gp, widget.get_type()
        is_text = kind in (gp.GP_WIDGET_TEXT, gp.GP_WIDGET_RADIO, gp.GP_WIDGET_MENU)
        has_choices = kind in (gp.GP_WIDGET_RADIO, gp.GP_WIDGET_MENU)
        return {
            "value": peek_text(widget) if is_text else widget.get_value(),
            "choices": list(widget.get_choices()) if has_choices else None,
            "read_only": bool(widget.get_readonly()),
            "label": widget.get_label(),
        }


def main() -> None:
    """Serve orders until the pipe ends."""
    # libgphoto2 closes descriptor 0 now and then: the orders come on another one.
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    library = Library(Path(sys.argv[1]))
    for line in orders:
        name, arguments = json.loads(line)
        try:
            answer: dict[str, Any] = {"value": getattr(library, name)(*arguments)}
        except library.gp.GPhoto2Error as err:
            answer = {"code": err.code, "text": err.string}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
