"""The process that owns a camera: takes calls from a socket, does them with libgphoto2, and answers.

Started as ``python -m rig.cameras.gphoto_worker DESCRIPTOR FOLDER``. It is a process of its own because
libgphoto2 can crash, waits without end, closes file descriptors that are not its own and speaks the
language of the locale. It ends when the socket closes, which happens however the rig ends.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rig.cameras.gphoto_guards import prepare_surroundings
from rig.cameras.protocol import Request, Response, Trouble

__all__ = ["main"]


def main(descriptor: int, private: Path) -> None:
    """Serve calls until the other side is gone; does not return."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the rig, which then ends this process
    prepare_surroundings(private)
    calls: queue.SimpleQueue[Request] = queue.SimpleQueue()
    connection: Connection[Response, Request] = Connection(descriptor)
    threading.Thread(target=_listen, args=(connection, calls, private), daemon=True).start()

    from rig.cameras.gphoto_session import GPhotoSession  # loads libgphoto2: only now is everything ready

    session = GPhotoSession(private)
    while True:
        request = calls.get()
        connection.send(_answer(session, request))


def _listen(
    connection: Connection[Response, Request], calls: queue.SimpleQueue[Request], private: Path
) -> None:
    """Pass calls on, and end the process with the connection, even in the middle of a call."""
    while True:
        try:
            calls.put(connection.recv())
        except (EOFError, OSError):
            shutil.rmtree(private, ignore_errors=True)
            os._exit(0)


def _answer(session: Any, request: Request) -> Response:
    import gphoto2 as gp

    from rig.cameras.gphoto_files import StorageError, UnusableFileError

    try:
        return Response(getattr(session, request.method)(*request.arguments))
    except gp.GPhoto2Error as err:
        return Response(trouble=Trouble("gphoto2", err.code, err.string))
    except StorageError as err:
        return Response(trouble=Trouble("storage", err.errno, str(err), err.needed_bytes))
    except UnusableFileError as err:
        return Response(trouble=Trouble(err.kind, 0, str(err)))
    except Exception as err:  # noqa: BLE001  (a mistake of ours has to reach the rig, not end the camera)
        return Response(trouble=Trouble("internal", 0, f"{type(err).__name__}: {err}"))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
