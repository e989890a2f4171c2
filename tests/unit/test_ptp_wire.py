"""The simulators' PTP/IP: exact bytes of packets and datasets."""

from __future__ import annotations

import socket
import struct

import pytest
from hardware_sims.cameras.canon_events import EventStream
from hardware_sims.cameras.canon_values import EosProperty, ImageFormat
from hardware_sims.cameras.datasets import Property, Range, pack_form, pack_property
from hardware_sims.cameras.exposure import true_f_number
from hardware_sims.cameras.faults import Faults, WireFault
from hardware_sims.cameras.objects import ObjectStore, StoredObject
from hardware_sims.cameras.responder import Answer, Responder, ResponseCode
from hardware_sims.cameras.wire import (
    DataType,
    LinkLostError,
    PacketType,
    array16,
    array32,
    pack_packet,
    pack_text,
    pack_value,
    receive_packet,
    unpack_value,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "data"), [("", b"\0"), ("A", b"\x02A\0\0\0"), ("SD1", b"\x04S\0D\x001\0\0\0")]
)
def test_text(text: str, data: bytes) -> None:
    assert pack_text(text) == data
    assert unpack_value(DataType.TEXT, data) == text


def test_arrays() -> None:
    assert array16([0x1001, 2]) == bytes.fromhex("02000000 0110 0200")
    assert array32([]) == bytes(4)
    assert array32([0x10]) == bytes.fromhex("01000000 10000000")


@given(st.sampled_from([t for t in DataType if t is not DataType.TEXT]), st.data())
def test_numbers_survive_the_wire(kind: DataType, data: st.DataObject) -> None:
    signed = kind.name.startswith("INT")
    bits = int(kind.name.removeprefix("U").removeprefix("INT"))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    value = data.draw(st.integers(low, high))
    packed = pack_value(kind, value)
    assert len(packed) * 8 == bits
    assert unpack_value(kind, packed) == value


def test_missing_high_bytes_are_zero() -> None:
    assert unpack_value(DataType.UINT32, b"\x07") == 7


def test_packets() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as left,
        server.accept()[0] as right,
    ):
        left.sendall(pack_packet(PacketType.EVENT, b"ab", b"c"))
        assert receive_packet(right) == (PacketType.EVENT, b"abc")
        left.sendall(b"\x20\0\0\0\x08\0\0\0half")
        left.close()
        with pytest.raises(LinkLostError):
            receive_packet(right)


def test_a_property_description() -> None:
    prop = Property(DataType.UINT16, 560, (400, 560))
    assert pack_property(0x5007, prop) == bytes.fromhex("0750 0400 01 3002 3002 02 0200 9001 3002")
    assert pack_form(prop, repeats=2) == bytes.fromhex("02 0200 9001 3002 0200 9001 3002")
    assert pack_form(Property(DataType.UINT8, 1, Range(0, 100, 1))) == bytes.fromhex("01 00 64 01")
    assert pack_form(Property(DataType.UINT8, 1)) == b"\0"
    assert prop.allows(400)
    assert not prop.allows(410)


def test_the_eos_stream_tells_a_value_before_its_choices_and_is_drained_once() -> None:
    stream = EventStream()
    prop = EosProperty(0x48, (0, 0x48))
    stream.property_value(0xD103, prop)
    stream.property_choices(0xD103, prop)
    assert stream.drain() == bytes.fromhex(
        "10000000 89C10000 03D10000 48000000"
        "1C000000 8AC10000 03D10000 03000000 02000000 00000000 48000000"
        "08000000 00000000"
    )
    assert stream.drain() == bytes.fromhex("08000000 00000000")


def test_an_eos_image_format() -> None:
    stream = EventStream()
    stream.property_value(0xD120, EosProperty((ImageFormat(1, 0, 3),)))
    assert stream.drain()[12:32] == struct.pack("<5I", 1, 0x10, 1, 0, 3)


@pytest.mark.parametrize(
    ("marked", "true"), [(1.0, 1.0), (1.4, 2**0.5), (5.6, 32**0.5), (11, 128**0.5), (22, 512**0.5)]
)
def test_marked_f_numbers_stand_for_true_ones(marked: float, true: float) -> None:
    assert true_f_number(marked) == pytest.approx(true)


def test_the_store_selects_as_get_object_handles_does() -> None:
    store = ObjectStore()
    folder = store.add_folder("DCIM")
    inner = store.add_folder("100CANON", folder)
    picture = store.add(StoredObject(store.new_handle(), "IMG_0001.JPG", parent=inner))
    assert [o.handle for o in store.select()] == [folder, inner, picture]
    assert [o.handle for o in store.select(parent=0xFFFFFFFF)] == [folder]
    assert [o.handle for o in store.select(parent=inner)] == [picture]
    assert [o.handle for o in store.select(format_code=0x3001)] == [folder, inner]
    assert store.remove(picture)
    assert not store.remove(picture)


def test_faults_are_used_up() -> None:
    faults = Faults()
    faults.on_operation(0x9128, WireFault(response=ResponseCode.DEVICE_BUSY), count=2, skip=1)
    found = [faults.for_operation(0x9128) is not None for _ in range(5)]
    assert found == [False, True, True, False, False]
    assert faults.for_operation(0x1001) is None


def _exchange(
    responder: Responder, code: int, transaction: int, data: bytes | None
) -> list[tuple[int, bytes]]:
    with socket.create_connection((responder.host, responder.port)) as link:
        link.sendall(pack_packet(PacketType.INIT_COMMAND_REQUEST, bytes(16), b"t\0\0\0", bytes(4)))
        assert receive_packet(link)[0] == PacketType.INIT_COMMAND_ACK
        phase = 1 if data is None else 2
        link.sendall(
            pack_packet(PacketType.OPERATION_REQUEST, struct.pack("<IHII", phase, code, transaction, 5))
        )
        if data is not None:
            head = struct.pack("<I", transaction)
            link.sendall(pack_packet(PacketType.START_DATA, head, struct.pack("<Q", len(data))))
            link.sendall(pack_packet(PacketType.END_DATA, head, data))
        packets = [receive_packet(link)]
        while packets[-1][0] != PacketType.OPERATION_RESPONSE:
            packets.append(receive_packet(link))
        return packets


def test_an_operation_over_a_socket() -> None:
    heard = []

    def echo(parameters: object, data: bytes) -> Answer:
        heard.append((parameters, data))
        return Answer(data=b"x" * 70000, parameters=(9,))

    responder = Responder("test", {0x9999: echo}, Faults())
    responder.start()
    try:
        packets = _exchange(responder, 0x9999, 3, b"in")
        assert heard == [((5,), b"in")]
        assert [kind for kind, _ in packets] == [
            PacketType.START_DATA,
            PacketType.DATA,
            PacketType.END_DATA,
            PacketType.OPERATION_RESPONSE,
        ]
        assert sum(len(payload) - 4 for _, payload in packets[1:3]) == 70000
        assert packets[3][1] == struct.pack("<HII", ResponseCode.OK, 3, 9)
        # An operation that fails has no data phase, and one that is not there says so and is counted.
        refused = _exchange(responder, 0x1234, 4, None)
        assert refused == [
            (PacketType.OPERATION_RESPONSE, struct.pack("<HI", ResponseCode.OPERATION_NOT_SUPPORTED, 4))
        ]
        assert responder.unknown == {0x1234: 1}
    finally:
        responder.close()
