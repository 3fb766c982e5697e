"""Models of the JSON door: what is read fits the schema that is told, and the other way round."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from types import EllipsisType
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from davshare.api import openapi, reading, schema
from davshare.api.schema import Says
from davshare.api.table import ROUTES
from davshare.errors import BadRequest, Unprocessable, UnsupportedMediaType
from davshare.http.request import BytesBody, Request


@dataclass(frozen=True)
class Leaf:
    """A part."""

    kind: Literal["a", "b"]
    size: Annotated[int, Says("How much.", 1, 9)] = 5


@dataclass(frozen=True)
class Tree:
    """A whole."""

    name: Annotated[str, Says("A name.", 1, 5)]
    leaves: Annotated[list[Leaf], Says("Its parts.", 0, 2)]
    flag: bool = False
    note: str | EllipsisType = ...
    end: int | EllipsisType | None = ...
    at: datetime | None = None
    tags: dict[str, int] | None = None


SMALL = {"name": "x", "leaves": []}


def test_reads() -> None:
    """Everything that fits, defaults where nothing was said, and null apart from nothing."""
    assert reading.read(Tree, SMALL) == Tree("x", [])
    full = {"name": "x", "leaves": [{"kind": "a"}, {"kind": "b", "size": 9}], "flag": True, "note": "", "end": None,
            "at": "2030-01-02T03:04:05+01:00"}  # fmt: skip
    found = reading.read(Tree, full)
    assert found.leaves == [Leaf("a", 5), Leaf("b", 9)]
    assert (found.flag, found.note, found.end) == (True, "", None)
    assert found.at == datetime(2030, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert reading.read(Tree, SMALL).end is ... and reading.read(Tree, SMALL).at is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ...}, "name"),
        ({"name": None}, "name"),
        ({"name": 3}, "name"),
        ({"name": ""}, "name"),
        ({"name": "toolong"}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"name": "\udfff"}, "name"),
        ({"name": ["x"]}, "name"),
        ({"leaves": {}}, "leaves"),
        ({"leaves": [{}]}, "leaves[0].kind"),
        ({"leaves": [{"kind": "a"}, {"kind": "c"}]}, "leaves[1].kind"),
        ({"leaves": [{"kind": ["a"]}]}, "leaves[0].kind"),
        ({"leaves": [{"kind": "a", "size": 0}]}, "leaves[0].size"),
        ({"leaves": [{"kind": "a", "size": 10}]}, "leaves[0].size"),
        ({"leaves": [{"kind": "a", "size": True}]}, "leaves[0].size"),
        ({"leaves": [{"kind": "a", "size": 2.0}]}, "leaves[0].size"),
        ({"leaves": [{"kind": "a", "more": 1}]}, "leaves[0]"),
        ({"leaves": [None]}, "leaves[0]"),
        ({"leaves": [{"kind": "a"}] * 3}, "leaves"),
        ({"flag": 0}, "flag"),
        ({"flag": None}, "flag"),
        ({"note": None}, "note"),
        ({"end": 2**63}, "end"),
        ({"at": "yesterday"}, "at"),
        ({"at": 0}, "at"),
        ({"at": "0001-01-01T00:00:00+23:59"}, "at"),
        ({"more": 1}, "body"),
    ],
    ids=repr,
)
def test_refuses(change: dict[str, Any], field: str) -> None:
    """What does not fit is named, and not repeated."""
    value = {key: each for key, each in {**SMALL, **change}.items() if each is not ...}
    with pytest.raises(Unprocessable) as caught:
        reading.read(Tree, value)
    assert caught.value.field == field and caught.value.message.startswith(field)
    assert "toolong" not in caught.value.message and "yesterday" not in caught.value.message


def test_schema() -> None:
    """The schema says what is said of the model."""
    told = schema.schema(Tree)
    assert told["required"] == ["name", "leaves"] and not told["additionalProperties"]
    assert told["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 5, "description": "A name."}
    number = {"type": "integer", "minimum": -schema.MOST, "maximum": schema.MOST}
    assert told["properties"]["end"] == {"anyOf": [number, {"type": "null"}]}
    assert told["properties"]["at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    found: dict[str, Any] = {}
    assert schema.schema(Tree, found=found) == {"$ref": "#/components/schemas/Tree"}
    assert set(found) == {"Tree", "Leaf"}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TREES = st.fixed_dictionaries(
    {"name": st.text(max_size=6) | ANYTHING,
     "leaves": st.lists(st.fixed_dictionaries({"kind": st.sampled_from(["a", "b", "c"])},
                                              optional={"size": st.integers(-1, 11)}), max_size=3)},
    optional={"flag": st.booleans() | st.none(), "note": st.text() | st.none(), "end": st.integers() | st.none()},
)  # fmt: skip


@given(TREES | ANYTHING)
def test_reading_and_schema_agree(value: Any) -> None:
    """Whatever is sent: it is read exactly if it fits the schema (but for characters that no text can hold)."""
    found: dict[str, Any] = {}
    schema.schema(Tree, found=found)
    whole = {"$ref": "#/components/schemas/Tree", "components": {"schemas": found}}
    fits = jsonschema.Draft202012Validator(whole).is_valid(value)
    try:
        reading.read(Tree, value)
    except Unprocessable:
        assert not fits or "character" in _refusal(value) or isinstance(_number(value), float)
    else:
        assert fits


def _refusal(value: Any) -> str:
    with pytest.raises(Unprocessable) as caught:
        reading.read(Tree, value)
    return caught.value.message


def _number(value: Any) -> Any:
    """JSON Schema takes 1.0 for a whole number, and we do not."""
    return value.get("end") if isinstance(value, dict) else None


@given(ANYTHING)
def test_nothing_breaks_any_model(value: Any) -> None:
    """Every body of every route is read or refused, and nothing else happens."""
    for route in ROUTES:
        if route.takes is not None:
            try:
                reading.read(route.takes, value)
            except Unprocessable as error:
                assert error.field and error.message


@given(st.binary(max_size=200))
def test_any_bytes_as_a_body(data: bytes) -> None:
    """Bodies that are no JSON are refused by name."""
    request = Request("POST", "/", headers={"content-type": "application/json"}, body=BytesBody(data))
    with contextlib.suppress(BadRequest, Unprocessable):
        reading.body(request, Tree)


@pytest.mark.parametrize("kind", ["", "text/json", "application/json;charset=utf-16", "application/jsonx"])
def test_other_kinds_of_bodies(kind: str) -> None:
    """Only JSON is read."""
    request = Request("POST", "/", headers={"content-type": kind}, body=BytesBody(json.dumps(SMALL).encode()))
    with pytest.raises(UnsupportedMediaType):
        reading.body(request, Tree)


def test_bodies_where_none_is_taken() -> None:
    """A route without a model takes no body, but an empty one."""
    assert reading.body(Request("POST", "/", body=BytesBody(b"")), None) is None
    with pytest.raises(BadRequest):
        reading.body(Request("POST", "/", body=BytesBody(b"{}")), None)


def test_plain() -> None:
    """Models become what JSON can say."""
    tree = Tree("x", [Leaf("a")], note="n", end=None, at=datetime(2030, 1, 2, tzinfo=UTC), tags={"t": 1})
    assert schema.plain(tree)["leaves"] == [{"kind": "a", "size": 5}]
    assert schema.plain(tree)["at"] == "2030-01-02T00:00:00Z"
    assert schema.plain(tree)["tags"] == {"t": 1}


def test_models_of_the_door_have_names_of_their_own() -> None:
    """Two models of one name would be one schema."""
    models = [kind for route in ROUTES for kind in (route.takes, route.answers) if schema.is_model(kind)]
    assert len({model.__name__ for model in models}) == len(set(models))
    assert set(openapi.document()["components"]["schemas"]) >= {model.__name__ for model in models}


def test_every_field_of_a_body_is_described() -> None:
    """Whoever has to send something is told what it is."""
    for name, described in openapi.document()["components"]["schemas"].items():
        if (described.get("type") == "object" and name.startswith(("New", "My"))) or name.endswith("Changes"):
            for field, each in described["properties"].items():
                assert each.get("description"), f"{name}.{field}"
