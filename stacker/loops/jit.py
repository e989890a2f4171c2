"""How the compiled loops get compiled: once for a processor, kept on disk as machine code.

numba compiles a loop when it is called with arguments of new types. What comes out is kept as an object file,
and later processes load that with llvmlite alone: importing numba and looking its types up costs 0.7 s of
processor time and 90 MB, which is more than a small stack takes. Loops therefore get no memory of their own:
what they need to put things down is handed in.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import os
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import platformdirs

from stacker.errors import StackerError

__all__ = ["Loop", "Room", "compiled", "fetch", "inner", "try_out"]

_OPTIONS: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "_nrt": False}
Room = np.ndarray[Any, np.dtype[np.float32]]

_F = np.float32

_BARE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Python does not call the loops by numba's own ways in, which take as long to compile as a short loop. Nor
what they call, of which numba leaves out one way by itself."""

_FOUND_EVERYWHERE = ("llvm.", "memset", "memcpy", "memmove")
"""What machine code may call: the C library's, which is in every process."""

_log = logging.getLogger(__name__)
_inner: list[FunctionType] = []
_compiling = threading.Lock()


def inner(function: Any) -> Any:
    """Let compiled loops call a function; files of loops are named compiled*.py."""
    _inner.append(function)
    return function


def compiled(function: Any) -> Loop:
    """Make a function a compiled loop."""
    return Loop(function)


def fetch(line: Any, at: Any) -> Any:
    """Have what is there of a line brought into the processor's cache, for a loop that gets there later.

    Only for compiled loops. Processors foresee too little of what these read, row by row of many pictures:
    on Zen 5, folding 24 MP takes 17 ms with this and 28 without (one thread, all of the frame counting).
    """


class Loop:
    """A function whose machine code is made on its first call with arguments of some types.

    Parameters
    ----------
    function : function
        Takes arrays, NumPy scalars and Python integers, then room (float32, any content), first row and row
        behind the last; returns nothing, allocates nothing. While it runs, other threads may.
    """

    def __init__(self, function: FunctionType) -> None:
        self._function = function
        self._entries: dict[tuple[Any, ...], Callable[..., int]] = {}

    def bound(self, *arguments: Any) -> Callable[[Room, int, int], None]:
        """The loop for its arguments but the last three: room, first row and row behind the last."""
        kinds = tuple(_kind(argument) for argument in arguments)
        entry = self._entries.get(kinds)
        if entry is None:
            with _compiling:
                entry = self._entries.get(kinds) or self._made(kinds)
        flat = [part for argument in arguments for part in _flat(argument)]

        def rows(room: Room, first: int, behind: int) -> None:
            failed = entry(_RETURNED, _RAISED, *flat, *_flat(room), first, behind)
            if failed:  # naming the arguments keeps arrays alive, too
                raise RuntimeError(f"{self._function.__name__}{arguments} ended with status {failed}")

        return rows

    def _made(self, kinds: tuple[Any, ...]) -> Callable[..., int]:
        name = self._function.__name__
        told = f"{_processor()} {_constants(self._function)} {name} {kinds}"
        key = hashlib.sha256(told.encode()).hexdigest()[:32]
        file_name = f"{name}-{key}-{_version()}{_SUFFIX}"
        kept = _load(file_name)
        if kept is None:
            if self is not _number:
                _require_compiler()
            kept = _compile(self._function, kinds)
            _keep(file_name, *kept)
        symbol, code = kept
        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        types = [part for kind in (*kinds, *_LAST) for part in _flat_types(kind)]
        way_in = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p, ctypes.c_char_p, *types)
        entry: Callable[..., int] = way_in(engine.get_function_address(symbol))
        self._entries[kinds] = entry
        return entry


@compiled
def _number(cells: Any, first: Any, step: Any, _room: Any, y0: Any, y1: Any) -> Any:
    for y in range(y0, y1):
        fetch(cells[y], 0)
        for x in range(cells.shape[1]):
            cells[y, x] = _F(first) + step * _F(y * cells.shape[1] + x)


def try_out() -> None:
    """Make sure that loops can be had and see their arguments as they are, by one that numbers cells.

    How numba hands arguments on is its own affair, which no version has to keep to. There is no public way in
    that later processes could use without importing numba: `numba.cfunc` takes no strided arrays, and what it
    makes calls Python. So `_check_way_in` looks at the types of each loop's arguments, and this at their
    meaning. Nor is there one to `fetch`, which the loops cannot do without either.

    The machine code may have been kept: numba itself, which takes long to import, is then not looked at.

    Raises
    ------
    Exception
        Of any kind, when they cannot.
    """
    cells = np.zeros((3, 8), np.float32)
    _number.bound(cells[:, ::2], 5, np.float32(0.5))(np.empty(1, np.float32), 1, 3)
    expected = np.zeros((3, 8), np.float32)
    expected[1:, ::2] = [[7, 7.5, 8, 8.5], [9, 9.5, 10, 10.5]]
    if not np.array_equal(cells, expected):
        raise RuntimeError(
            f"numba {version('numba')} hands arguments on in a way that focusrig does not know; "
            "install an older numba"
        )


def _require_compiler() -> None:
    """See that a numba is still there which `try_out` took on trust: what it made may have been kept."""
    try:
        import numba  # noqa: F401
    except Exception as error:  # an import can fail in any way
        raise StackerError(
            f"numba {version('numba')}, which worked before, cannot be imported: {error}; install it again, "
            "or remove it: stacks then take longer"
        ) from error


# Numba's functions take, before their arguments, where to put what is returned (nothing) and what is raised.
_RETURNED, _RAISED = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)

_LAST = ("f", 1, "C"), "q", "q"
"""Kinds of what every loop takes at the end: room, first row, row behind the last."""

_SCALARS = {"f": ctypes.c_float, "d": ctypes.c_double, "q": ctypes.c_int64}

_LLVM_NAMES: dict[Any, str] = {
    ctypes.c_void_p: "ptr",
    ctypes.c_int64: "i64",
    ctypes.c_float: "float",
    ctypes.c_double: "double",
}


def _kind(argument: Any) -> Any:
    """What the machine code depends on: type, and for arrays number of axes and whether they are packed."""
    if isinstance(argument, np.ndarray):
        return argument.dtype.char, argument.ndim, "C" if argument.flags.c_contiguous else "A"
    return "q" if isinstance(argument, int) else argument.dtype.char


def _flat(argument: Any) -> tuple[Any, ...]:
    """An argument as numba hands it on: arrays as owner, parent, size, item size, data, shape, strides."""
    if isinstance(argument, np.ndarray):
        where = argument.ctypes.data
        return None, None, argument.size, argument.itemsize, where, *argument.shape, *argument.strides
    return (argument if isinstance(argument, int) else argument.item(),)


def _flat_types(kind: Any) -> list[Any]:
    if isinstance(kind, str):
        return [_SCALARS[kind]]
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    return [pointer, pointer, number, number, pointer, *[number] * (2 * kind[1])]


@lru_cache(maxsize=1)
def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(
        llvm.get_host_cpu_name(), features, opt=3, reloc=_relocation(), jit=True
    )


def _relocation() -> str:
    """Code that is placed anywhere in memory: as numba has it."""
    return "static" if llvm.get_process_triple().startswith("x86") else "default"


@lru_cache(maxsize=1)
def _engine() -> Any:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())


@lru_cache(maxsize=1)
def _version() -> str:
    """Of the loops and of what compiles them. NumPy is part of it as numba refuses those it does not know."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].glob("*/compiled*.py")):
        digest.update(path.read_bytes())
    digest.update(Path(__file__).read_bytes())
    for package in ("numba", "llvmlite", "numpy"):
        digest.update(f" {version(package)}".encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()} {llvm.get_process_triple()}"


def _constants(function: FunctionType) -> list[tuple[str, str]]:
    """The numbers that a loop's file knows: machine code holds those of other files as they were, too."""
    known = function.__globals__.items()
    return sorted((name, repr(value)) for name, value in known if isinstance(value, (int, float, np.generic)))


def _compile(function: FunctionType, kinds: tuple[Any, ...]) -> tuple[str, bytes]:
    """Name and machine code of a loop for arguments of some types."""
    import numba
    from numba.extending import register_jitable

    _tell_once()
    _teach_fetching()
    while _inner:
        register_jitable(**_OPTIONS, **_BARE)(_inner.pop())

    def numba_type(kind: Any) -> Any:
        if isinstance(kind, str):
            return numba.from_dtype(np.dtype(kind))
        return numba.types.Array(numba.from_dtype(np.dtype(kind[0])), kind[1], kind[2])

    signature = tuple(map(numba_type, (*kinds, *_LAST)))
    njit: Any = numba.njit  # takes more options than it declares
    dispatcher = njit(**_OPTIONS, **_BARE)(function)
    dispatcher.compile(signature)
    symbol = dispatcher.overloads[signature].fndesc.llvm_func_name
    module = llvm.parse_assembly(dispatcher.inspect_llvm(signature))
    for called in module.functions:
        if called.is_declaration and not called.name.startswith(_FOUND_EVERYWHERE):
            raise RuntimeError(f"{function.__name__} calls {called.name}, which later processes may not have")
    _check_way_in(str(module.get_function(symbol).global_value_type), kinds)
    return symbol, _machine().emit_object(module)


@lru_cache(maxsize=1)
def _tell_once() -> None:
    """Say why this stack takes longer: somebody is waiting for it."""
    _log.warning("compiling for this processor, once: the first stack of a kind takes some 10 to 40 s more")


@lru_cache(maxsize=1)
def _teach_fetching() -> None:
    """Tell numba what `fetch` is: an instruction that Python has no word for."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic, overload
    from numba.np import arrayobj

    arrays: Any = arrayobj  # which have no types of their own
    tools: Any = cgutils

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = arrays.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        prefetch = tools.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [place, *(ir.Constant(number, told) for told in _TO_READ)])
        return context.get_dummy_value()

    def typed(_context: Any, line: Any, _at: Any) -> Any:
        return types.void(line, types.intp), generate

    ask: Any = intrinsic(typed)
    overload(fetch)(lambda line, at: lambda line, at: ask(line, at))  # noqa: ARG005, PLW0108 - numba's way


_TO_READ = 0, 3, 1
"""For `llvm.prefetch`: to be read, into the cache next to the processor, data."""


def _check_way_in(found: str, kinds: tuple[Any, ...]) -> None:
    """Stop where numba hands arguments on otherwise than `_flat` does: that is nobody's promise."""
    types = [part for kind in (*kinds, *_LAST) for part in _flat_types(kind)]
    expected = f"i32 ({', '.join(['ptr', 'ptr', *(_LLVM_NAMES[part] for part in types)])})"
    if found != expected:
        raise RuntimeError(
            f"numba {version('numba')} calls functions in a way that focusrig does not know: it has "
            f"{found}, not {expected}; install an older numba"
        )


def _folders() -> list[Path]:
    """Where machine code is kept: beside the source, or in the user's cache where that is read-only."""
    return [Path(__file__).parent / "__pycache__", platformdirs.user_cache_path("focusrig")]


_SUFFIX = ".loop"


def _load(name: str) -> tuple[str, bytes] | None:
    for folder in _folders():
        try:
            head, _, code = (folder / name).read_bytes().partition(b"\n")
            about = json.loads(head)
        except (OSError, ValueError):
            continue
        if isinstance(about, dict) and about.get("sha256") == hashlib.sha256(code).hexdigest():
            return str(about["symbol"]), code
    return None


def _keep(name: str, symbol: str, code: bytes) -> None:
    """Put machine code aside for later processes; where that cannot be done, each compiles for itself."""
    head = json.dumps({"symbol": symbol, "sha256": hashlib.sha256(code).hexdigest()})
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(head.encode() + b"\n" + code)
                Path(temporary).replace(folder / name)
            finally:  # of a full disk nothing is left there
                Path(temporary).unlink(missing_ok=True)
            _remove_others(folder)
        except OSError:
            continue
        return


def _remove_others(folder: Path) -> None:
    """Remove the loops of other versions, which pile up otherwise; who needs them compiles them again."""
    for path in folder.glob(f"*{_SUFFIX}"):
        if not path.stem.endswith(f"-{_version()}"):
            path.unlink(missing_ok=True)
