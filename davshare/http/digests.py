"""Digest headers: RFC 9530, the older RFC 3230, and ownCloud's OC-Checksum; webdav.md section 6."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from davshare.errors import BadRequest

#: Names on the wire to names of algorithms.
RFC9530 = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5", "adler": "adler32"}
RFC3230 = {
    "sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5", "adler32": "adler32", "crc32": "crc32",
}  # fmt: skip
OC = {"sha1": "sha1", "md5": "md5", "adler32": "adler32", "sha256": "sha256", "crc32": "crc32"}
_SIZES = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16, "adler32": 4, "crc32": 4}
_ITEM = re.compile(r"\s*([a-zA-Z0-9-]+)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?\Z")


def expected(headers: Mapping[str, str]) -> dict[str, bytes]:
    """The checksums that the sender states for a whole, identity-coded content, by algorithm.

    Unknown algorithms are passed over.

    :raises BadRequest: a header is malformed.
    """
    found = stated(headers)
    _take(found, of_file(headers))
    return found


def stated(headers: Mapping[str, str]) -> dict[str, bytes]:
    """The checksums of the bytes that a message carries.

    :raises BadRequest: a header is malformed.
    """
    found: dict[str, bytes] = {}
    for field in ("content-digest", "repr-digest"):
        if field in headers:
            _take(found, _structured(headers[field]))
    if "digest" in headers:
        _take(found, _instance(headers["digest"]))
    if "content-md5" in headers:
        _take(found, {"md5": _base64(headers["content-md5"])})
    return found


def of_file(headers: Mapping[str, str]) -> dict[str, bytes]:
    """The checksums that the file shall have in the end, in ownCloud's notation.

    :raises BadRequest: the header is malformed.
    """
    return oc_checksums(headers["oc-checksum"]) if "oc-checksum" in headers else {}


def _take(found: dict[str, bytes], stated: Mapping[str, bytes]) -> None:
    for algorithm, value in stated.items():
        if len(value) != _SIZES[algorithm]:
            raise BadRequest("A digest has the wrong length for its algorithm.")
        if found.setdefault(algorithm, value) != value:
            raise BadRequest("The stated digests contradict each other.")


def _structured(text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for item in text.split(","):
        match = _ITEM.match(item)
        if match is None:
            raise BadRequest("The digest header is malformed.")
        algorithm = RFC9530.get(match[1].lower())
        if algorithm is not None:
            found[algorithm] = _base64(match[2])
    return found


def _instance(text: str) -> dict[str, bytes]:
    """RFC 3230 section 4.3.2: Base64 for hashes, hexadecimal digits for the sums."""
    found: dict[str, bytes] = {}
    for item in text.split(","):
        name, equals, value = item.strip().partition("=")
        if not equals:
            raise BadRequest("The digest header is malformed.")
        algorithm = RFC3230.get(name.strip().lower())
        if algorithm is not None:
            found[algorithm] = _hex(value, 8) if algorithm.endswith("32") else _base64(value)
    return found


def oc_checksums(text: str) -> dict[str, bytes]:
    """Checksums such as ``SHA1:0a1b... MD5:...`` by algorithm; unknown ones are passed over.

    :raises BadRequest: it is malformed.
    """
    found: dict[str, bytes] = {}
    for item in text.split():
        name, colon, value = item.partition(":")
        if not colon:
            raise BadRequest("The checksum header is malformed.")
        algorithm = OC.get(name.lower().replace("-", ""))
        if algorithm is not None:
            found[algorithm] = _hex(value, 2 * _SIZES[algorithm])
    return found


def oc_checksum(values: Mapping[str, bytes]) -> str:
    """The one checksum that ownCloud's and Nextcloud's clients compare what they get with; empty: none is known."""
    known = next((name for name in ("sha1", "md5", "sha256", "adler32") if name in values), None)
    return f"{known.upper()}:{values[known].hex()}" if known else ""


def decoded(text: str) -> bytes:
    """A digest in Base64, whatever its algorithm.

    :raises BadRequest: it is none.
    """
    return _base64(text)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("A digest is not Base64.") from None


def _hex(text: str, digits: int) -> bytes:
    try:
        return bytes.fromhex(text.strip().zfill(digits))
    except ValueError:
        raise BadRequest("A digest is not hexadecimal.") from None


def wanted(text: str | None, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name on the wire, algorithm) that a Want- header asks for and we know, the most wanted first."""
    if not text:
        return []
    ranked: list[tuple[float, str]] = []
    for item in text.split(","):
        name, _, rest = item.strip().partition(";" if ";" in item else "=")
        weight = rest.strip().removeprefix("q=") or "1"
        try:
            rank = float(weight)
        except ValueError:
            continue
        if rank > 0 and name.strip().lower() in names:
            ranked.append((rank, name.strip().lower()))
    ranked.sort(key=lambda pair: -pair[0])
    return [(name, names[name]) for _, name in ranked[:4]]


def structured(name: str, value: bytes) -> str:
    """One member of a Content-Digest or Repr-Digest."""
    return f"{name}=:{base64.b64encode(value).decode()}:"


def instance(name: str, algorithm: str, value: bytes) -> str:
    """One value of a Digest header."""
    return f"{name}={value.hex() if algorithm.endswith('32') else base64.b64encode(value).decode()}"
