"""Live view as an address that browsers, and programs that read MJPEG, can open: on this computer only.

The standard library's server is used: one page, one stream and a few viewers on the loopback interface need
none of what a web framework adds, and threads that wait for a frame cost nothing.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rig.errors import UserError
from rig.liveview.feed import Feed

__all__ = ["LiveServer", "parse_address"]

_HOST = "127.0.0.1"
_NAMES = ("127.0.0.1", "localhost")
_BOUNDARY = "focusrig-frame"
_STREAM, _SINGLE, _PAGE = "/live.mjpg", "/frame.jpg", "/"
_DEAD_VIEWER_S = 10.0
"""A viewer that takes no byte for so long is gone: a laptop that was closed says no goodbye."""
_FIRST_FRAME_S = 30.0

_HTML = """<!doctype html><meta charset="utf-8"><title>rig camera preview</title>
<style>html,body{margin:0;height:100%;background:#111}img{width:100%;height:100%;object-fit:contain}</style>
<img src="/live.mjpg" alt="live view">
"""


def parse_address(text: str) -> int:
    """Read ``127.0.0.1:8041``, ``localhost:8041``, ``:8041`` or ``8041``; returns the port, 0 for any free.

    Raises
    ------
    UserError
        When it is something else, or not on this computer.
    """
    host, colon, port = text.rpartition(":")
    if colon and host not in ("", *_NAMES):
        raise UserError(
            f'--address: "{text}" could be reached from elsewhere; live view has no password, so it stays on '
            "this computer: write 127.0.0.1:8041 (from another one, ssh -L 8041:127.0.0.1:8041 leads there)"
        )
    if not port.isdecimal() or not int(port) < 1 << 16:
        raise UserError(f'--address: "{text}" has no port from 0 to 65535; write 127.0.0.1:8041')
    return int(port)


class LiveServer:
    """Serves a feed on 127.0.0.1 until closed.

    Parameters
    ----------
    feed : Feed
        What is shown.
    port : int
        0 takes a free one.

    Raises
    ------
    UserError
        When the port is taken or not allowed.
    """

    def __init__(self, feed: Feed, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"feed": feed})
        try:
            self._server = _Server((_HOST, port), handler)
        except OSError as err:
            raise UserError(
                f"--address: {_HOST}:{port} cannot be used ({err.strerror}); write another port, or 0"
            ) from err
        self._feed = feed
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """The page, for a browser."""
        return f"http://{_HOST}:{self._server.server_port}{_PAGE}"

    @property
    def stream(self) -> str:
        """The MJPEG stream, for programs."""
        return f"http://{_HOST}:{self._server.server_port}{_STREAM}"

    def close(self) -> None:
        """Hang up on every viewer."""
        self._feed.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    feed: Feed
    protocol_version = "HTTP/1.0"  # a stream has no length, and ends with its connection
    timeout = _DEAD_VIEWER_S

    def do_GET(self) -> None:
        """Answer a request."""
        # A page elsewhere could have its own name lead here, and read what the camera sees.
        if self.headers.get("Host", "").partition(":")[0] not in _NAMES:
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path == _PAGE:
            self._send("text/html; charset=utf-8", _HTML.encode())
        elif self.path == _SINGLE:
            self._single()
        elif self.path == _STREAM:
            self._stream()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Nobody reads it."""

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _single(self) -> None:
        before = self.feed.number  # while the body rests, the last frame is an old one
        with self.feed.viewer():
            found = self.feed.after(before, _FIRST_FRAME_S)
        if found is None:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._send("image/jpeg", found[1])

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        number = self.feed.number
        with self.feed.viewer(), suppress(OSError):  # viewers leave by hanging up
            while (found := self.feed.after(number)) is not None:
                number, jpeg = found
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
