"""Models: dataclasses that say what a JSON body looks like.  Here they become JSON Schema (draft 2020-12).

A field is a plain type, or ``Annotated[type, Says(...)]`` with a sentence and
limits.  A field with a default may be left out; ``...`` as the default means
that leaving it out is something else than null.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import EllipsisType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union

#: Whole numbers that every database holds.
MOST = 2**62
#: Characters of a text for which nothing else is said.
LONGEST = 1000
#: Members of a list for which nothing else is said.
MANY = 500

_M = TypeVar("_M")


class Says(NamedTuple):
    """What is said of a field: ``least`` and ``most`` limit numbers, lengths of texts and of lists."""

    doc: str
    least: int | None = None
    most: int | None = None


SILENT = Says("")


class Field(NamedTuple):
    """One field of a model, taken apart; ``kinds`` are the types that its value may have, without null."""

    name: str
    kinds: tuple[Any, ...]
    nullable: bool
    required: bool
    says: Says


@cache
def fields(model: type) -> tuple[Field, ...]:
    """The fields of a model."""
    hints = typing.get_type_hints(model, include_extras=True)
    found = []
    for each in dataclasses.fields(model):
        kinds, says = taken_apart(hints[each.name])
        nullable = types.NoneType in kinds
        kept = tuple(kind for kind in kinds if kind not in (types.NoneType, EllipsisType))
        required = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        found.append(Field(each.name, kept, nullable, required, says))
    return tuple(found)


def taken_apart(hint: Any) -> tuple[tuple[Any, ...], Says]:
    """The types of a union, and what is said about it."""
    says = SILENT
    if typing.get_origin(hint) is Annotated:
        hint, *notes = typing.get_args(hint)
        says = next((note for note in notes if isinstance(note, Says)), says)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return typing.get_args(hint), says
    return (hint,), says


def is_model(kind: Any) -> bool:
    """Whether a type is a model."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def schema(kind: Any, says: Says = SILENT, found: dict[str, Any] | None = None) -> dict[str, Any]:
    """The schema of a type.

    :param found: gets the schemas of the models in it, by name; the result refers to them.
    """
    if is_model(kind):
        if found is None:
            return _object(kind, None)
        if kind.__name__ not in found:
            found[kind.__name__] = {}
            found[kind.__name__] = _object(kind, found)
        return {"$ref": f"#/components/schemas/{kind.__name__}"}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        inner, note = taken_apart(arguments[0])
        most = MANY if says.most is None else says.most
        return _plain({"type": "array", "items": _any(inner, note, found), "minItems": says.least, "maxItems": most})
    if origin is dict:
        inner, note = taken_apart(arguments[1])
        return {"type": "object", "additionalProperties": _any(inner, note, found)}
    if isinstance(kind, DescribesItself):
        return kind.schema()
    return _scalar(kind, says)


def _scalar(kind: Any, says: Says) -> dict[str, Any]:
    if kind is bool:
        return {"type": "boolean"}
    if kind is int:
        least, most = -MOST if says.least is None else says.least, MOST if says.most is None else says.most
        return {"type": "integer", "minimum": least, "maximum": most}
    if kind is datetime:
        return {"type": "string", "format": "date-time"}
    assert kind is str, f"{kind} is no type of a model"
    most = LONGEST if says.most is None else says.most
    return _plain({"type": "string", "minLength": says.least, "maxLength": most})


def _any(kinds: tuple[Any, ...], says: Says, found: dict[str, Any] | None) -> dict[str, Any]:
    schemas = [{"type": "null"} if kind is types.NoneType else schema(kind, says, found) for kind in kinds]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _object(model: type, found: dict[str, Any] | None) -> dict[str, Any]:
    properties = {}
    for field in fields(model):
        kinds = (*field.kinds, types.NoneType) if field.nullable else field.kinds
        described = _any(kinds, field.says, found)
        properties[field.name] = {**described, "description": field.says.doc} if field.says.doc else described
    required = [field.name for field in fields(model) if field.required]
    return _plain(
        {
            "type": "object",
            "description": (model.__doc__ or "").strip().partition("\n")[0],
            "properties": properties,
            "required": required or None,
            "additionalProperties": False,
        }
    )


def _plain(described: dict[str, Any]) -> dict[str, Any]:
    """Without what is not said."""
    return {key: value for key, value in described.items() if value is not None}


@typing.runtime_checkable
class DescribesItself(typing.Protocol):
    """A kind of value whose schema depends on a table elsewhere."""

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        ...

    def read(self, value: Any) -> Any:
        """The value, judged.

        :raises davshare.errors.Unprocessable: it cannot be accepted.
        """
        ...


def plain(value: Any) -> Any:
    """A model as what JSON can say; times in UTC."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return value
