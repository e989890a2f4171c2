"""PTP/IP framing and the packing of PTP data types (little endian throughout).

References
----------
CIPA DC-005-2005 (PTP/IP): packets are ``length | type | payload``. ISO 15740 (PTP): data types and strings.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from enum import IntEnum

__all__ = [
    "DataType",
    "LinkLostError",
    "PacketType",
    "array16",
    "array32",
    "pack_packet",
    "pack_text",
    "pack_value",
    "receive_packet",
    "u8",
    "u16",
    "u32",
    "u64",
    "unpack_value",
]

_HEADER = struct.Struct("<II")
_CHUNK = 1 << 20


class LinkLostError(Exception):
    """The peer went away."""


class PacketType(IntEnum):
    """Packet types of PTP/IP."""

    INIT_COMMAND_REQUEST = 1
    INIT_COMMAND_ACK = 2
    INIT_EVENT_REQUEST = 3
    INIT_EVENT_ACK = 4
    INIT_FAIL = 5
    OPERATION_REQUEST = 6
    OPERATION_RESPONSE = 7
    EVENT = 8
    START_DATA = 9
    DATA = 10
    CANCEL = 11
    END_DATA = 12


class DataType(IntEnum):
    """PTP data type codes."""

    INT8 = 0x0001
    UINT8 = 0x0002
    INT16 = 0x0003
    UINT16 = 0x0004
    INT32 = 0x0005
    UINT32 = 0x0006
    INT64 = 0x0007
    UINT64 = 0x0008
    TEXT = 0xFFFF


_FORMATS = {
    DataType.INT8: struct.Struct("<b"),
    DataType.UINT8: struct.Struct("<B"),
    DataType.INT16: struct.Struct("<h"),
    DataType.UINT16: struct.Struct("<H"),
    DataType.INT32: struct.Struct("<i"),
    DataType.UINT32: struct.Struct("<I"),
    DataType.INT64: struct.Struct("<q"),
    DataType.UINT64: struct.Struct("<Q"),
}


def u8(value: int) -> bytes:
    """One byte."""
    return struct.pack("<B", value)


def u16(value: int) -> bytes:
    """Two bytes."""
    return struct.pack("<H", value)


def u32(value: int) -> bytes:
    """Four bytes; negative numbers wrap as C would."""
    return struct.pack("<I", value & 0xFFFFFFFF)


def u64(value: int) -> bytes:
    """Eight bytes."""
    return struct.pack("<Q", value)


def array16(values: Sequence[int]) -> bytes:
    """A PTP array of UINT16: the count, then the items."""
    return struct.pack(f"<I{len(values)}H", len(values), *values)


def array32(values: Sequence[int]) -> bytes:
    """A PTP array of UINT32: the count, then the items."""
    return struct.pack(f"<I{len(values)}I", len(values), *values)


def pack_text(text: str) -> bytes:
    """A PTP string: its length in UCS-2 units with the closing NUL; empty, it is one zero byte."""
    if not text:
        return b"\0"
    return u8(len(text) + 1) + (text + "\0").encode("utf-16-le")


def pack_value(data_type: DataType, value: int | str) -> bytes:
    """A value of a PTP data type."""
    if data_type is DataType.TEXT:
        return pack_text(str(value))
    return _FORMATS[data_type].pack(value)


def unpack_value(data_type: DataType, data: bytes) -> int | str:
    """The value that a set operation carries; missing high bytes count as zero."""
    if data_type is DataType.TEXT:
        return data[1 : 1 + 2 * data[0]].decode("utf-16-le").rstrip("\0") if data else ""
    form = _FORMATS[data_type]
    value: int = form.unpack(data[: form.size].ljust(form.size, b"\0"))[0]
    return value


def pack_packet(kind: PacketType, *parts: bytes) -> bytes:
    """A PTP/IP packet."""
    payload = b"".join(parts)
    return _HEADER.pack(_HEADER.size + len(payload), kind) + payload


def receive_packet(connection: socket.socket) -> tuple[int, bytes]:
    """Read one packet.

    Returns
    -------
    tuple of int and bytes
        The packet type and the payload.

    Raises
    ------
    LinkLostError
        When the peer closed the connection, in the middle of a packet or not.
    """
    length, kind = _HEADER.unpack(_receive_exactly(connection, _HEADER.size))
    if length < _HEADER.size:
        raise LinkLostError(f"a packet of {length} bytes is shorter than its header")
    return kind, _receive_exactly(connection, length - _HEADER.size)


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        try:
            _acknowledge_at_once(connection)
            part = connection.recv(min(size - len(data), _CHUNK))
        except OSError as err:
            raise LinkLostError(str(err)) from err
        if not part:
            raise LinkLostError("the peer closed the connection")
        data += part
    return bytes(data)


def _acknowledge_at_once(connection: socket.socket) -> None:
    # libgphoto2 sends a request in small pieces with Nagle's algorithm on: with delayed acknowledgements each
    # set would cost 40 ms. The kernel forgets the option, so it is set before each read; macOS has none.
    if hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
