"""The messages of an MJKZZ serial motion controller. No I/O.

Both ways a message is eight bytes: address, command, index, a number (32 bits with a sign, big-endian), and
the sum of these seven. An answer repeats address, command and index with the highest bit of address and
command set; a command that was refused keeps its own. From the maker's manual as INDIGO's driver and notes
quote it (https://github.com/indigo-astronomy/indigo, ``indigo_drivers/focuser_mjkzz``); no controller was at
hand there, nor here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ADDRESS", "HIGHEST", "LOWEST", "MESSAGE_BYTES", "Answer", "message", "read_answer"]

MESSAGE_BYTES = 8
ADDRESS = 1
"""Of a controller that nobody has given another one."""
LOWEST, HIGHEST = -(2**31), 2**31 - 1
_ANSWERED = 0x80


@dataclass(frozen=True)
class Answer:
    """What a controller says to a message: whether it obeys, and a number."""

    obeyed: bool
    value: int


def message(command: str, value: int = 0, index: int = 0, address: int = ADDRESS) -> bytes:
    """Return the eight bytes of a command.

    Parameters
    ----------
    command : str
        One letter: a capital one sets, a small one gets.
    value : int
        `LOWEST` to `HIGHEST`.
    index : int
        Which register, of ``R`` and ``r``.
    address : int
        1 to 127.

    Raises
    ------
    ValueError
        When the value does not fit.

    Examples
    --------
    >>> message("P", -1000).hex()
    '015000fffffc1863'
    """
    if not LOWEST <= value <= HIGHEST:
        raise ValueError(f"an MJKZZ counts from {LOWEST} to {HIGHEST}, not to {value}")
    body = bytes([address, ord(command), index]) + value.to_bytes(4, "big", signed=True)
    return body + bytes([sum(body) % 256])


def read_answer(heard: bytes, asked: bytes) -> tuple[Answer | None, bytes]:
    """Find the answer to a message in what was heard since it was sent.

    Parameters
    ----------
    heard : bytes
        Whatever came.
    asked : bytes
        The message.

    Returns
    -------
    answer : Answer or None
        None while there is no whole one with a right sum.
    rest : bytes
        What is to be kept and continued by what comes next.
    """
    wanted = asked[0] | _ANSWERED
    for at in range(len(heard) - MESSAGE_BYTES + 1):
        found = heard[at : at + MESSAGE_BYTES]
        is_it = found[0] == wanted and found[1] & ~_ANSWERED == asked[1] and found[2] == asked[2]
        if is_it and sum(found[:-1]) % 256 == found[-1]:
            value = int.from_bytes(found[3:7], "big", signed=True)
            return Answer(bool(found[1] & _ANSWERED), value), heard[at + MESSAGE_BYTES :]
    return None, heard[-(MESSAGE_BYTES - 1) :]
