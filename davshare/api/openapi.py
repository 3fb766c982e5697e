"""The OpenAPI 3.1 document, made from the table of routes (spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from davshare.api import problem, schema
from davshare.api.call import BASE, Route
from davshare.api.table import ROUTES
from davshare.errors import (
    BadRequest,
    DavshareError,
    Forbidden,
    NotAuthenticated,
    NotFound,
    TooLarge,
    TooManyAttempts,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)

_INTRODUCTION = (
    "People, groups, app tokens, spaces and settings of a davshare server. Sign in with Basic (a name with a"
    " password or an app token) or Bearer (an app token). Names are compared as they are; times are in UTC. Lists come"
    " in pages: `next` is the offset of the next page, null on the last. App tokens that can only read do no more than"
    " GET here, those for a part of the files see only what the operations say."
)


@cache
def document() -> dict[str, Any]:
    """The whole document; the same for everybody."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    schema.schema(problem.Problem, found=schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "davshare", "version": "1", "description": _INTRODUCTION},
        "servers": [{"url": BASE}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"basic": []}, {"bearer": []}],
    }


def operation_id(route: Route) -> str:
    """The name of an operation: those of the module and the function that carry it out."""
    return f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}"


def errors_of(route: Route) -> list[type[DavshareError]]:
    """Every refusal that a route may answer with, by status."""
    found: set[type[DavshareError]] = set(route.errors)
    if route.who.signed_in:
        found |= {NotAuthenticated, Forbidden, TooManyAttempts, Unavailable}
    if "{" in route.path:
        found |= {BadRequest, NotFound}
    if route.query is not None:
        found |= {BadRequest, Unprocessable}
    if route.takes is not None:
        found |= {BadRequest, Unprocessable, TooLarge, UnsupportedMediaType}
    return sorted(found, key=lambda error: (error.status, error.__name__))


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    partial = " App tokens for a part of the files may call this too." if route.partial else ""
    described: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": f"May be called by: {route.who.doc}.{partial}",
        "tags": [route.segments[0]],
        "parameters": _parameters(route, schemas),
        "responses": _responses(route, schemas),
    }
    if not route.who.signed_in:
        described["security"] = []
    if route.takes is not None:
        content = {"application/json": {"schema": schema.schema(route.takes, found=schemas)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for part in route.segments
        if part.startswith("{")
    ]
    for field in schema.fields(route.query) if route.query is not None else ():
        described = schema.schema(field.kinds[0], field.says, schemas)
        found.append(
            {
                "name": field.name,
                "in": "query",
                "required": field.required,
                "description": field.says.doc,
                "schema": described,
            }
        )
    return found


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    status = route.status if route.answers is not None else 204
    fine: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if route.answers is not None:
        fine["content"] = {route.media: {"schema": schema.schema(route.answers, found=schemas)}}
    found = {str(status): fine}
    for error in errors_of(route):
        there = found.get(str(error.status))
        if there is None:
            content = {problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            found[str(error.status)] = {"description": error.message, "content": content}
    if route.query is not None or "{" in route.path:
        # Said before anybody knows that this is a route, so in the words of WebDAV.
        found["414"] = {"description": "The address is too long.", "content": {"application/xml": {}}}
    return found
