"""Envelopes, arguments and quotas of the OCS calls."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from davshare.clients import arguments, ocs, quota
from davshare.clients.ocs import Result
from davshare.errors import BadRequest
from davshare.http.request import BytesBody, Request

#: What XML 1.0 cannot hold (section 2.2).
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def body(result: Result, version: int = 1, as_json: bool = False) -> bytes:
    """The body of an answer."""
    found = ocs.respond(result, version, as_json).body
    assert isinstance(found, bytes)
    return found


def test_xml() -> None:
    """Dictionaries are elements, entries of lists are called element, and nothing is an empty element."""
    data = {
        "users": ["a", "b"],
        "none": None,
        "yes": True,
        "no": False,
        "number": 3,
        "inner": {"x": "<&>"},
        "empty": [],
    }
    assert body(Result(data)) == (
        b'<?xml version="1.0"?>\n<ocs><meta><status>ok</status><statuscode>100</statuscode><message>OK</message>'
        b"<totalitems/><itemsperpage/></meta><data><users><element>a</element><element>b</element></users><none/>"
        b"<yes>1</yes><no/><number>3</number><inner><x>&lt;&amp;&gt;</x></inner><empty/></data></ocs>\n"
    )


def test_json() -> None:
    """A list stays a list, also with one entry or none."""
    told = json.loads(body(Result({"users": ["a"], "none": []}), 2, True))["ocs"]
    assert told["data"] == {"users": ["a"], "none": []}
    assert told["meta"] == {
        "status": "ok", "statuscode": 200, "message": "OK", "totalitems": "", "itemsperpage": ""
    }  # fmt: skip
    assert json.loads(body(Result(), 1, True))["ocs"]["data"] == []


@given(st.text())
def test_any_text_is_well_formed(text: str) -> None:
    """Names that people give themselves never break an answer, nor become markup."""
    root = etree.fromstring(body(Result({"name": text}, 102, text)))
    kept = NO_XML.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")
    assert (root.findtext("data/name") or "") == kept
    assert json.loads(body(Result({"name": text}, 102, text), 2, True))["ocs"]["data"]["name"] == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("12MB", 12 * 1024**2), ("1.5 GB", 3 * 1024**3 // 2), ("1 k", 1024), ("3 TB", 3 * 1024**4),
     (" 7 B ", 7), ("none", None), ("Default", None)],
)  # fmt: skip
def test_quotas(text: str, size: int | None) -> None:
    """What ownCloud's pages and tools write."""
    assert quota.parse(text) == size


@given(st.integers(0, 2**62))
def test_quotas_as_they_are_shown(size: int) -> None:
    """What is shown can be given back, and is about the same: whole KB are shown, and tenths from MB on."""
    again = quota.parse(quota.spelled(size))
    assert again is not None and abs(again - size) <= max(1, size / 3)


@given(st.text(max_size=20))
def test_odd_quotas(text: str) -> None:
    """Any text is a quota or none, and nothing else."""
    try:
        size = quota.parse(text)
    except quota.NoQuota:
        return
    assert size is None or 0 <= size <= quota.MOST


def read(query: str = "", data: bytes = b"", kind: str = "") -> arguments.Arguments:
    """The arguments of a request."""
    return arguments.read(Request("POST", "/", query, {"content-type": kind}, body=BytesBody(data)))


def test_arguments() -> None:
    """Single values, lists, numbers, and what is none of them."""
    found = read(
        "a=1&l[]=x&l[]=y&m[0]=z&limit=7&offset=-1&e=", b"a=2&b=%C3%BC+%26", "application/x-www-form-urlencoded"
    )
    assert (found.text("a"), found.text("b"), found.text("e"), found.text("missing"), found.text("l")) == (
        "2", "ü &", "", None, None
    )  # fmt: skip
    assert (found.texts("l"), found.texts("m"), found.texts("a")) == (["x", "y"], ["z"], None)
    assert (found.whole("limit", 5), found.whole("offset", 5), found.whole("missing", 5)) == (7, 5, 5)


@pytest.mark.parametrize("value", [None, {"x": 1}, ["x"]])
def test_values_that_are_no_text(value: Any) -> None:
    """JSON can say more than a form."""
    assert read("", json.dumps({"v": value}).encode(), "application/json").text("v") is None


@given(st.binary(max_size=100), st.sampled_from(["", "application/json", "application/x-www-form-urlencoded"]))
def test_any_bytes(data: bytes, kind: str) -> None:
    """Whatever is sent is read or refused."""
    try:
        read("", data, kind)
    except BadRequest as error:
        assert error.status == 400
