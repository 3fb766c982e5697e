"""Is the process alive, and may it be given requests?"""

from __future__ import annotations

import json

from davshare.errors import Unavailable
from davshare.files.service import Files
from davshare.http.responses import Response
from davshare.index.database import count

_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


def respond(files: Files, question: str) -> Response:
    """``livez``: the process answers; ``readyz`` and ``healthz``: the index does, too.

    :raises Unavailable: it does not.
    """
    if question != "livez":
        try:
            with files.db.session() as connection:
                count(connection, "epoch")
        except Exception as error:
            raise Unavailable("The index does not answer.") from error
    return Response(200, list(_HEADERS), json.dumps({"status": "ok"}).encode())
