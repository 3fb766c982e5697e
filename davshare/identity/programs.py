"""The programs that may ask for access by OpenID Connect: ownCloud's own apps, under the ids that are built into them.

The secrets of programs that everybody can download are no secrets (RFC 8252
section 8.5): what protects a person is that an answer goes to the program's own
address only, with a challenge (RFC 7636), and that they are asked every time.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from authlib.oauth2.rfc6749 import ClientMixin

#: Everything that can be asked for; other words are left out (OpenID Connect Core section 3.1.2.1).
SCOPES = ("openid", "profile", "email", "offline_access")
AUTHENTICATION = ("client_secret_basic", "client_secret_post")
#: Any port of this machine (RFC 8252 section 7.3); the address by number, and as older versions call it.
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::([1-9][0-9]{0,4}))?/?\Z").match


@dataclass(frozen=True, slots=True)
class Program(ClientMixin):
    """One program; ``address`` is where its answers go, empty: to any port of the machine that it runs on."""

    client_id: str
    name: str
    secret: str
    address: str = ""

    def get_client_id(self) -> str:
        """Its id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """None: it says where its answers go (RFC 9700 section 4.1.1)."""
        return ""

    def get_allowed_scope(self, scope: str | None) -> str:
        """What can be had of a scope."""
        asked = (scope or "").split()
        return " ".join(word for word in SCOPES if word in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether its answers may go there: compared letter by letter, but for the port of this machine."""
        if self.address:
            return redirect_uri == self.address
        found = _LOOPBACK(redirect_uri)
        return found is not None and int(found[1] or 80) < 65536

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether it shows what is built into it."""
        return hmac.compare_digest(self.secret.encode(), client_secret.encode("utf-8", "replace"))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """How it shows that."""
        return method in AUTHENTICATION

    def check_response_type(self, response_type: str) -> bool:
        """Codes only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Codes, and what goes on from there."""
        return grant_type in ("authorization_code", "refresh_token")


#: doc.owncloud.com/server/latest/admin_manual/configuration/user/oidc/oidc.html
_ALL = (
    Program(
        "xdXOt13JKxym1B1QcEncf2XDkLAexMBFwiT9j6EfhhHFJhs2KM9jbjTmf8JBXE69",
        "ownCloud for desktops",
        "UBntmLjC2yYCeHwsyj73Uwo9TAaecAetRwMw0xYcvNL9yRdLSUi0hUAHfvCHFeFh",
    ),
    Program(
        "e4rAsNUSIUs0lF4nbv9FmCeUkTlV9GdgTLDH1b5uie7syb90SzEVrbN7HIpmWJeD",
        "ownCloud for Android",
        "dInFYGV33xKzhbRmpqQltYNdfLdJIfJ9L5ISoKhNoT9qZftpdWSP71VrpGR9pmoD",
        "oc://android.owncloud.com",
    ),
    Program(
        "mxd5OQDk6es5LzOzRvidJNfXLUZS2oN3oUFeXPP8LpPrhx3UroJFduGEYIBOxkY1",
        "ownCloud for iOS",
        "KFeFWWEZO9TkisIQzR3fo7hfiMXlOpaqP8CFuTbSHzV1TUuGECglPxpiVKJfOXIx",
        "oc://ios.owncloud.com",
    ),
)
_BY_ID = {program.client_id: program for program in _ALL}


def find(client_id: str | None) -> Program | None:
    """The program with an id."""
    return _BY_ID.get(client_id or "")
