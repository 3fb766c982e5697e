"""What would become of many files, asked before they are sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, cast

from davshare.api import who
from davshare.api.call import Call, Route
from davshare.api.schema import MOST, Says
from davshare.errors import BadRequest, MethodNotAllowed, NotFound, Unprocessable
from davshare.files import plan
from davshare.files.plan import Wish
from davshare.http import digests

What = Literal["send", "there", "resume", "clash", "over_quota", "not_allowed"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is to be sent."""

    path: Annotated[str, Says("Relative to the folder, with slashes; not percent-encoded.", 1, 4096)]
    size: Annotated[int, Says("In bytes.", 0, MOST)]
    checksum: Annotated[
        str | None, Says("Such as SHA1:0a1b…, several with blanks between them; without it nothing is found again.", 1)
    ] = None


@dataclass(frozen=True, slots=True)
class Question:
    """Which files are to be sent, and where to."""

    folder: Annotated[str, Says("The address of a folder, such as /dav/home/photos.", 1, 4096)]
    files: Annotated[list[Candidate], Says("In the order in which they will be sent.", 0, 1000)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would become of one file."""

    path: Annotated[str, Says("As it was asked.", 0, 4096)]
    verdict: Annotated[
        What,
        Says(
            "send it; it is there already (same size and checksum); resume the upload that was begun; its name would"
            " clash with another one on Windows or macOS, or cannot be there; it would be over the quota, together"
            " with those before it; it may not be stored there."
        ),
    ]
    reason: Annotated[str, Says("In words, where it would not be stored.")]
    etag: Annotated[str | None, Says("The entity tag of the file that is there, for If-Match; null for none.")]
    offset: Annotated[int | None, Says("Bytes that have come already, of an upload to be resumed.", 0)]
    upload: Annotated[str | None, Says("The path of that upload.", 0, 16384)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of each file, in the order of the question."""

    items: Annotated[list[Outcome], Says("One for each file.", 0, 1000)]


def make(call: Call) -> Plan:
    """Judge every file; nothing is reserved by it."""
    question: Question = call.body
    wishes = [_wish(each, index) for index, each in enumerate(question.files)]
    verdicts = plan.judge(call.files, call.actor, plan.folder_of(question.folder), wishes)
    return Plan(
        [
            Outcome(wish.path, cast(What, each.what), each.reason, each.etag, each.offset, each.upload)
            for wish, each in zip(wishes, verdicts, strict=True)
        ]
    )


def _wish(candidate: Candidate, index: int) -> Wish:
    try:
        return Wish(candidate.path, candidate.size, digests.oc_checksums(candidate.checksum or ""))
    except BadRequest:
        raise Unprocessable(f"files[{index}].checksum", f"files[{index}].checksum: expected SHA1:…") from None


ROUTES = (
    Route("POST", "/upload-plan", "What would become of files that are to be sent, one by one.", who.SIGNED_IN, make,
          Plan, Question, errors=(NotFound, MethodNotAllowed), partial=True),
)  # fmt: skip
