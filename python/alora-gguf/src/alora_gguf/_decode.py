"""From JSON to the dataclasses of `results`."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


class MismatchError(ValueError):
    """A value that is not what the schema says."""


def decode(annotation: type[T], value: Any, place: str = "$") -> T:
    """The value as the annotation says. Members that a dataclass does not know are passed over.

    Examples:
        >>> decode(tuple[int, ...], [1, 2])
        (1, 2)
    """
    return typing.cast(T, _decode(annotation, value, place))


def _decode(annotation: Any, value: Any, place: str) -> Any:
    origin = typing.get_origin(annotation)
    if annotation is object:
        return value
    if origin in (types.UnionType, typing.Union):
        return _decode_union(typing.get_args(annotation), value, place)
    if origin is typing.Literal:
        # A newer command may know more values.
        expected = type(typing.get_args(annotation)[0])
        return _decode(expected, value, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise MismatchError(f"{place} is not a list")
        item = typing.get_args(annotation)[0]
        return tuple(_decode(item, element, f"{place}[{index}]") for index, element in enumerate(value))
    if origin is dict:
        annotation = dict
    if dataclasses.is_dataclass(annotation):
        return _decode_object(annotation, value, place)
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, annotation) or (isinstance(value, bool) and annotation is not bool):
        raise MismatchError(f"{place} is not {annotation.__name__}")
    return value


def _decode_union(variants: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and types.NoneType in variants:
        return None
    failure: MismatchError | None = None
    for variant in variants:
        if variant is types.NoneType:
            continue
        try:
            return _decode(variant, value, place)
        except MismatchError as error:
            failure = failure or error
    raise failure or MismatchError(f"{place} is null")


def _decode_object(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise MismatchError(f"{place} is not an object")
    members = {}
    for field, annotation in _fields(kind):
        if field.name in value:
            members[field.name] = _decode(annotation, value[field.name], f"{place}.{field.name}")
        elif field.default is dataclasses.MISSING:
            raise MismatchError(f"{place} has no {field.name}")
    return kind(**members)


@functools.cache
def _fields(kind: Any) -> list[tuple[Any, Any]]:
    annotations = typing.get_type_hints(kind)
    return [(field, annotations[field.name]) for field in dataclasses.fields(kind)]
