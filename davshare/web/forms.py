"""What a form of ours sends."""

from __future__ import annotations

from urllib.parse import parse_qs

from davshare.errors import BadRequest, UnsupportedMediaType
from davshare.http import content
from davshare.http.request import Request

_LONGEST = 16384


def read(request: Request) -> dict[str, str]:
    """The fields of a form (HTML, section "URL-encoded form data"); the last value of each.

    :raises UnsupportedMediaType: it is no form.
    :raises TooLarge: it is longer than any of ours.
    :raises BadRequest: it is malformed.
    """
    kind, _ = content.media_type(request.headers.get("content-type"))
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType
    data = content.read_all(request.body, _LONGEST)
    try:
        fields = parse_qs(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError:
        raise BadRequest("The form is not correctly encoded.") from None
    return {name: values[-1] for name, values in fields.items()}
