"""Dictionaries of tensors read from a pickle by its opcodes alone: nothing is imported, nothing called.

An unpickler imports and calls what a file tells it to. Here `pickletools` only lists the opcodes, and the few
that describe such a dictionary are carried out on plain values. A name that the file wants imported stays a
word; words and opcodes that no dictionary of tensors needs are refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple, cast

from palitra.errors import WeightsError

MOST_OPCODES = 2_000_000
STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
DICTIONARY, TENSOR, PARAMETER = "OrderedDict", "_rebuild_tensor_v2", "_rebuild_parameter"
WORDS = {
    f"collections {DICTIONARY}": DICTIONARY,
    f"torch._utils {TENSOR}": TENSOR,
    f"torch._utils {PARAMETER}": PARAMETER,
    **{f"torch {kind}Storage": kind for kind in STORAGES},
}
TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING"}
NUMBERS = {"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "BINFLOAT"}
LITERALS = TEXTS | NUMBERS
SILENT = {"PROTO", "FRAME", "STOP"}


class Place(NamedTuple):
    """Where a tensor lies: its storage's key, kind and length, then offset, shape and strides in elements."""

    key: str
    kind: str
    length: int
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()


class _Word(NamedTuple):
    name: str


class _Mark:
    """The place on the stack from which the next opcode takes its values."""


def read_pickle(file: IO[bytes]) -> Any:
    """What the next pickle of the file describes, with tensors as `Place`.

    Raises:
        WeightsError: an opcode, a name or a call that no dictionary of tensors needs.
        Exception: a ValueError, LookupError or TypeError where the stream is damaged.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if number > MOST_OPCODES:
            raise WeightsError(f"it has more than {MOST_OPCODES} opcodes")
        name, value = opcode.name, cast(Any, argument)
        if name in LITERALS:
            stack.append(value)
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if value is None else value] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[value])
        elif name == "GLOBAL":
            stack.append(_word(value))
        elif name in _MAKERS:
            stack.append(_MAKERS[name](stack))
        elif name in _CHANGERS:
            _CHANGERS[name](stack)
        elif name not in SILENT:
            raise WeightsError(f"the opcode {name} has no place in a dictionary of tensors")
    return stack.pop()


def _word(name: str) -> _Word:
    if name not in WORDS:
        raise WeightsError(f"it wants to import {name.replace(' ', '.')}")
    return _Word(WORDS[name])


def _since_mark(stack: list[Any]) -> list[Any]:
    at = max(i for i, value in enumerate(stack) if isinstance(value, _Mark))
    values = stack[at + 1 :]
    del stack[at:]
    return values


def _last(stack: list[Any], count: int) -> tuple[Any, ...]:
    values = tuple(stack[-count:])
    del stack[-count:]
    return values


def _call(stack: list[Any]) -> Any:
    """The three calls that dictionaries of tensors are made of, as plain values."""
    called, arguments = _last(stack, 2)
    name = called.name if isinstance(called, _Word) else None
    if name == DICTIONARY and arguments == ():
        return {}
    if name == PARAMETER and isinstance(arguments[0], Place):
        return arguments[0]
    if name == TENSOR and isinstance(arguments[0], Place):
        offset, shape, strides = arguments[1:4]
        if len(shape) == len(strides) and all(type(n) is int for n in (offset, *shape, *strides)):
            return arguments[0]._replace(offset=offset, shape=tuple(shape), strides=tuple(strides))
    raise WeightsError(f"it calls {name or 'something else'} in another way than for a tensor")


def _storage(stack: list[Any]) -> Place:
    mark, kind, key, _, length = stack.pop()[:5]
    known = mark == "storage" and isinstance(kind, _Word) and kind.name in STORAGES
    if not known or type(key) is not str or type(length) is not int or length < 0:
        raise WeightsError("it refers to something else than a storage")
    return Place(key, kind.name, length)


def _set(stack: list[Any], values: tuple[Any, ...] | list[Any]) -> None:
    # no other keys: a nest of tuples takes for ever to hash
    if not isinstance(stack[-1], dict) or any(type(key) not in (str, int) for key in values[::2]):
        raise WeightsError("it sets something else than named values of a dictionary")
    stack[-1].update(zip(values[::2], values[1::2], strict=True))


def _extend(stack: list[Any], values: list[Any]) -> None:
    stack[-1].extend(values)


_MAKERS: Mapping[str, Callable[[list[Any]], Any]] = {
    "NONE": lambda stack: None,
    "NEWTRUE": lambda stack: True,
    "NEWFALSE": lambda stack: False,
    "EMPTY_TUPLE": lambda stack: (),
    "MARK": lambda stack: _Mark(),
    "EMPTY_DICT": lambda stack: {},
    "EMPTY_LIST": lambda stack: [],
    "TUPLE": lambda stack: tuple(_since_mark(stack)),
    "TUPLE1": lambda stack: _last(stack, 1),
    "TUPLE2": lambda stack: _last(stack, 2),
    "TUPLE3": lambda stack: _last(stack, 3),
    "STACK_GLOBAL": lambda stack: _word(" ".join(_last(stack, 2))),
    "REDUCE": _call,
    "BINPERSID": _storage,
}
_CHANGERS: Mapping[str, Callable[[list[Any]], Any]] = {
    "SETITEM": lambda stack: _set(stack, _last(stack, 2)),
    "SETITEMS": lambda stack: _set(stack, _since_mark(stack)),
    "APPEND": lambda stack: _extend(stack, [stack.pop()]),
    "APPENDS": lambda stack: _extend(stack, _since_mark(stack)),
    # attributes of a dictionary, such as _metadata: no tensor is among them
    "BUILD": lambda stack: stack.pop(),
}
