"""Answers that are JSON and nothing else."""

from __future__ import annotations

import json as _json
from typing import Any

from davshare.http.responses import Response


def json(status: int, value: Any) -> Response:
    """An answer that nobody keeps."""
    headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(status, headers, _json.dumps(value).encode())
