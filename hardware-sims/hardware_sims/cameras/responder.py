"""The wire side of a simulated body: PTP/IP sockets, sessions, dispatch of operations, events."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from hardware_sims.cameras.faults import Faults, WireFault
from hardware_sims.cameras.wire import LinkLostError, PacketType, pack_packet, receive_packet, u32, u64

__all__ = ["Answer", "Operation", "Responder", "ResponseCode"]

_DATA_CHUNK = 1 << 16
_DATA_IN = 2
_NO_TRANSACTION = 0xFFFFFFFF
_PROTOCOL_VERSION = 0x00010000


class ResponseCode(IntEnum):
    """PTP response codes that the simulated bodies use."""

    OK = 0x2001
    GENERAL_ERROR = 0x2002
    OPERATION_NOT_SUPPORTED = 0x2005
    INVALID_OBJECT_HANDLE = 0x2009
    PROPERTY_NOT_SUPPORTED = 0x200A
    STORE_FULL = 0x200C
    ACCESS_DENIED = 0x200F
    DEVICE_BUSY = 0x2019
    INVALID_PROPERTY_VALUE = 0x201C
    INVALID_PARAMETER = 0x201D
    NIKON_INVALID_STATUS = 0xA004
    NIKON_NOT_LIVE_VIEW = 0xA00B
    NIKON_MF_DRIVE_STEP_END = 0xA00C
    NIKON_MF_DRIVE_STEP_INSUFFICIENCY = 0xA00E
    CANON_NOT_READY = 0xA102


@dataclass(frozen=True)
class Answer:
    """What an operation comes to. With `data` there is a data phase, which only an OK may have.

    `later`, if given, is called without the responder's lock and gives the answer instead: for what a body
    waits for while everything else goes on.
    """

    code: int = ResponseCode.OK
    data: bytes | None = None
    parameters: tuple[int, ...] = ()
    later: Callable[[], Answer] | None = None


Operation = Callable[[Sequence[int], bytes], Answer]
"""An operation: its parameters and the data that came with it."""


@dataclass
class _Connection:
    command: socket.socket
    event: socket.socket | None = None


class Responder:
    """Serves operations on a TCP port.

    Parameters
    ----------
    name : str
        The friendly name given to initiators.
    operations : dict
        Operation code to handler. Handlers run one at a time, under `lock`.
    faults : Faults
        Asked before every operation.
    host, port
        Where to listen; port 0 takes a free one.
    has_power : callable
        Asked before everything: a body without power hangs up and answers nobody.

    Attributes
    ----------
    lock : threading.RLock
        Guards the body's state; hold it to change anything from another thread.
    unknown : Counter
        Operations asked for that the body does not have.
    """

    def __init__(
        self,
        name: str,
        operations: dict[int, Operation],
        faults: Faults,
        host: str = "127.0.0.1",
        port: int = 0,
        has_power: Callable[[], bool] = lambda: True,
    ) -> None:
        self._name, self._operations, self._faults, self._has_power = name, operations, faults, has_power
        self.lock = threading.RLock()
        self.unknown: Counter[int] = Counter()
        self._connections: dict[int, _Connection] = {}
        self._ids = itertools.count(1)
        self._closed = threading.Event()
        self._server = socket.create_server((host, port))
        self.host, self.port = self._server.getsockname()[:2]
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Accept connections from now on."""
        self._spawn(self._accept)

    def close(self) -> None:
        """Hang up and stop listening; returns when every thread has ended."""
        self._closed.set()
        # A thread blocked in accept() is woken by shutting the socket down, not by closing it (Linux); macOS
        # refuses to shut down a listening socket and wakes on close instead.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop_link()
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join(timeout=5.0)

    def drop_link(self) -> None:
        """Close every connection, as a pulled cable would."""
        connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            for end in (connection.command, connection.event):
                if end is not None:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def send_event(self, code: int, *parameters: int) -> None:
        """Tell every initiator of an event."""
        body = struct.pack("<HI", code, _NO_TRANSACTION) + b"".join(map(u32, parameters))
        for connection in list(self._connections.values()):
            if connection.event is not None:
                # An initiator that is gone is noticed by its own command connection.
                with contextlib.suppress(OSError):
                    connection.event.sendall(pack_packet(PacketType.EVENT, body))

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        self._threads = [t for t in self._threads if t.is_alive()]
        thread = threading.Thread(target=target, args=args, daemon=True, name=f"responder {self._name}")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                peer, _ = self._server.accept()
            except OSError:
                return
            if not self._has_power():
                peer.close()
                continue
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._greet, peer)

    def _greet(self, peer: socket.socket) -> None:
        with peer:
            try:
                kind, payload = receive_packet(peer)
                if kind == PacketType.INIT_COMMAND_REQUEST:
                    self._serve_commands(peer)
                elif kind == PacketType.INIT_EVENT_REQUEST:
                    self._serve_events(peer, payload)
            except (LinkLostError, OSError):
                return  # an initiator may leave at any time

    def _serve_events(self, peer: socket.socket, payload: bytes) -> None:
        (number,) = struct.unpack("<I", payload[:4])
        connection = self._connections.get(number)
        if connection is None:
            return
        connection.event = peer
        peer.sendall(pack_packet(PacketType.INIT_EVENT_ACK))
        while True:
            receive_packet(peer)  # initiators send nothing here; this ends when they leave

    def _serve_commands(self, peer: socket.socket) -> None:
        number = next(self._ids)
        self._connections[number] = _Connection(peer)
        identity = b"focusrig sim    "
        friendly = (self._name + "\0").encode("utf-16-le")
        peer.sendall(
            pack_packet(PacketType.INIT_COMMAND_ACK, u32(number), identity, friendly, u32(_PROTOCOL_VERSION))
        )
        try:
            while not self._closed.is_set():
                self._serve_one(peer)
        finally:
            gone = self._connections.pop(number, None)
            if gone is not None and gone.event is not None:
                with contextlib.suppress(OSError):
                    gone.event.shutdown(socket.SHUT_RDWR)

    def _serve_one(self, peer: socket.socket) -> None:
        kind, payload = receive_packet(peer)
        if kind != PacketType.OPERATION_REQUEST:
            return
        if not self._has_power():
            self.drop_link()
            return
        phase, code, transaction = struct.unpack("<IHI", payload[:10])
        parameters = struct.unpack(f"<{(len(payload) - 10) // 4}I", payload[10:])
        data = self._receive_data(peer) if phase == _DATA_IN else b""
        fault = self._faults.for_operation(code) or WireFault()
        if fault.delay_s:
            time.sleep(fault.delay_s)
        if fault.hang:
            self._closed.wait()
            return
        if fault.drop:
            self.drop_link()
            return
        answer = (
            Answer(fault.response) if fault.response is not None else self._answer(code, parameters, data)
        )
        self._send_answer(peer, transaction, answer, fault.drop_at_byte)

    @staticmethod
    def _receive_data(peer: socket.socket) -> bytes:
        _, start = receive_packet(peer)
        (total,) = struct.unpack("<Q", start[4:12])
        data = bytearray()
        while len(data) < total:
            _, part = receive_packet(peer)
            data += part[4:]
        return bytes(data)

    def _answer(self, code: int, parameters: Sequence[int], data: bytes) -> Answer:
        operation = self._operations.get(code)
        if operation is None:
            self.unknown[code] += 1
            return Answer(ResponseCode.OPERATION_NOT_SUPPORTED)
        with self.lock:
            answer = operation(parameters, data)
        return answer if answer.later is None else answer.later()

    def _send_answer(self, peer: socket.socket, transaction: int, answer: Answer, cut_at: int | None) -> None:
        if answer.code == ResponseCode.OK and answer.data is not None:
            stream = self._data_phase(transaction, answer.data)
            if cut_at is not None:
                peer.sendall(stream[:cut_at])
                self.drop_link()
                return
            peer.sendall(stream)
        head = struct.pack("<HI", answer.code, transaction)
        peer.sendall(pack_packet(PacketType.OPERATION_RESPONSE, head, *(u32(p) for p in answer.parameters)))

    @staticmethod
    def _data_phase(transaction: int, data: bytes) -> bytes:
        packets = [pack_packet(PacketType.START_DATA, u32(transaction), u64(len(data)))]
        last = max(0, (len(data) - 1) // _DATA_CHUNK * _DATA_CHUNK)
        for start in range(0, last + 1, _DATA_CHUNK):
            kind = PacketType.END_DATA if start == last else PacketType.DATA
            packets.append(pack_packet(kind, u32(transaction), data[start : start + _DATA_CHUNK]))
        return b"".join(packets)
