"""A small OpenID provider on a real socket: it signs in whoever comes, and lies when it is told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
Claims = Mapping[str, Any]


def b64(data: bytes) -> str:
    """As JWTs have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """A key pair of one kind, with the name under which it is published."""

    def __init__(self, algorithm: str = "RS256", kid: str | None = None) -> None:
        self.algorithm = algorithm
        self.kid = kid or secrets.token_hex(4)
        self.private: Any = (
            rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
        )

    def jwk(self) -> dict[str, str]:
        """The public half (RFC 7517)."""
        numbers = self.private.public_key().public_numbers()
        common = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "RS256":
            size = (numbers.n.bit_length() + 7) // 8
            return {**common, "kty": "RSA", "n": b64(numbers.n.to_bytes(size, "big")), "e": "AQAB"}
        x, y = (b64(each.to_bytes(32, "big")) for each in (numbers.x, numbers.y))
        return {**common, "kty": "EC", "crv": "P-256", "x": x, "y": y}

    def pem(self) -> bytes:
        """The public half as text, which confused verifiers take for a shared secret."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data: bytes) -> bytes:
        """A signature."""
        if self.algorithm == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def compact(header: Claims, claims: Claims | bytes, sign: Callable[[bytes], bytes]) -> str:
    """A token with exactly these parts."""
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{b64(json.dumps(header).encode())}.{b64(body)}"
    return f"{signed}.{b64(sign(signed.encode())) or 'AA'}"


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    """A signature with a shared secret."""
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


class Provider:
    """One issuer with one client, ``davshare``; attributes change what it says from the next request on."""

    def __init__(self, secret: str = "s3cret & more") -> None:
        self.secret = secret
        self.keys = [SigningKey()]
        self.person: dict[str, Any] = {"sub": "1"}
        self.lies: dict[str, Any] = {}
        self.id_lies: dict[str, Any] = {}
        self.bodies: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.delays: dict[str, float] = {}
        self.asked: Counter[str] = Counter()
        self.codes: dict[str, dict[str, str]] = {}
        self._server = self._open(0)
        self.port = int(self._server.server_address[1])

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"http://127.0.0.1:{self.port}"

    def table(self, **more: Any) -> str:
        """Its part of the configuration."""
        values = {
            "issuer": self.issuer,
            "client_id": "davshare",
            "client_secret": self.secret,
            "allow_http": True,
            "allow_private": True,
            **more,
        }
        return "[[provider]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())

    # -- tokens -------------------------------------------------------------------------

    def claims(self, **more: Any) -> dict[str, Any]:
        """Those of a good access token of the present person; None takes a claim away."""
        now = int(time.time())
        found = {"iss": self.issuer, "aud": "davshare", "iat": now, "exp": now + 300, **self.person, **more}
        return {name: value for name, value in found.items() if value is not None}

    def mint(self, header: Claims | None = None, key: SigningKey | None = None, **more: Any) -> str:
        """A signed access token."""
        key = key or self.keys[-1]
        head = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt", **(header or {})}
        return compact({k: v for k, v in head.items() if v is not None}, self.claims(**more), key.sign)

    def logout_token(self, **more: Any) -> str:
        """A good logout token."""
        extra = {"jti": secrets.token_hex(8), "events": {LOGOUT_EVENT: {}}, **more}
        person, self.person = self.person, {"sub": self.person["sub"]}
        try:
            return self.mint({"typ": "logout+jwt"}, **extra)
        finally:
            self.person = person

    def rotate(self, algorithm: str = "RS256", keep: bool = False) -> SigningKey:
        """Another key signs from now on; the old one is published no more, unless it is kept."""
        self.keys = [*(self.keys if keep else []), SigningKey(algorithm)]
        return self.keys[-1]

    # -- its life -----------------------------------------------------------------------

    def _open(self, port: int) -> ThreadingHTTPServer:
        provider = self

        class Handler(_Handler):
            pass

        Handler.provider = provider
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens for a while."""
        self.close()
        try:
            yield
        finally:
            self._server = self._open(self.port)

    @contextmanager
    def lying(self, **attributes: Any) -> Iterator[None]:
        """Other attributes for a while."""
        before = {name: getattr(self, name) for name in attributes}
        for name, value in attributes.items():
            setattr(self, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    # -- what it answers ----------------------------------------------------------------

    def discovery(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0 section 3."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
            **self.lies,
        }

    def authorize(self, query: Mapping[str, str]) -> str:
        """Where the browser goes on, signed in as the present person."""
        assert query["response_type"] == "code" and query["client_id"] == "davshare"
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(query)
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """RFC 6749 section 4.1.4 with RFC 7636 section 4.6."""
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote_plus(name), unquote_plus(secret)) != ("davshare", self.secret):
            return 401, {"error": "invalid_client"}
        begun = self.codes.pop(form.get("code", ""), None)
        proof = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if begun is None or begun["code_challenge_method"] != "S256" or begun["code_challenge"] != proof:
            return 400, {"error": "invalid_grant"}
        if begun["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        access = self.mint()
        at_hash = b64(hashlib.sha256(access.encode()).digest()[:16])
        claims = {"nonce": begun["nonce"], "at_hash": at_hash, **self.id_lies}
        return 200, {"access_token": access, "token_type": "Bearer", "id_token": self.mint({"typ": "JWT"}, **claims)}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        """Documents, and the page at which people sign in."""
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if self._odd(path):
            return
        if path == "/.well-known/openid-configuration":
            self._json(200, self.provider.discovery())
        elif path == "/jwks":
            self._json(200, {"keys": [key.jwk() for key in self.provider.keys]})
        elif path == "/authorize":
            self._redirect(self.provider.authorize(dict(parse_qsl(query))))
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        """The token endpoint."""
        data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path = urlsplit(self.path).path
        if not self._odd(path):
            form = dict(parse_qsl(data.decode()))
            self._json(*self.provider.token(form, self.headers.get("Authorization", "")))

    def _odd(self, path: str) -> bool:
        """Whether the provider has been told to do something else at this path."""
        provider = self.provider
        provider.asked[path] += 1
        if path in provider.delays:
            time.sleep(provider.delays[path])
        if path in provider.redirects:
            self._redirect(provider.redirects[path])
            return True
        if path in provider.bodies:
            self._send(200, provider.bodies[path])
            return True
        return False

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode())

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            return
