"""A real OpenLDAP server in a folder of its own, on a loopback port."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ldap3 import MODIFY_REPLACE, NONE, Connection, Server
from ldap3.core.exceptions import LDAPException

from support.server import free_port

BASE = "dc=example,dc=org"
ADMIN, PASSWORD = f"cn=admin,{BASE}", "directory-secret"
SCHEMAS = Path("/etc/ldap/schema")
START_SECONDS = 20
PROGRAM = shutil.which("slapd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


class Slapd:
    """One directory; people are below ``ou=people``, groups below ``ou=groups``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.certificate = folder / "certificate.pem"
        self.password_file = folder / "password"
        (folder / "db").mkdir(parents=True)
        self.password_file.write_text(PASSWORD + "\n")
        self._certify()
        self._configure()
        self.start()
        with self.admin() as link:
            link.add(BASE, ["dcObject", "organization"], {"dc": "example", "o": "Example"})
            for name in ("people", "groups"):
                link.add(f"ou={name},{BASE}", "organizationalUnit")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ldap://localhost:{self.port}"

    def configuration(self, **changes: str) -> dict[str, str]:
        """What a davshare server needs in its environment to use it, encrypted."""
        keys = {
            "ldap_url": self.url,
            "ldap_ca_file": str(self.certificate),
            "ldap_bind_dn": ADMIN,
            "ldap_password_file": str(self.password_file),
            "ldap_base": BASE,
            **changes,
        }
        return {f"DAVSHARE_{key.upper()}": value for key, value in keys.items()}

    def start(self) -> None:
        """Serve, and wait until somebody is answered.

        :raises AssertionError: it ended, or was not ready in time.
        """
        assert PROGRAM, "these tests need slapd (Debian: apt-get install slapd)"
        with (self.folder / "log").open("ab") as log:
            listen = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
            command = [PROGRAM, "-f", str(self.folder / "slapd.conf"), "-h", listen, "-d", "0"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with self.admin():
                    return
            except LDAPException:
                time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text("utf-8", "replace"))

    def stop(self) -> None:
        """End it; what it knows stays."""
        if self.process is not None:
            process, self.process = self.process, None
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def admin(self) -> Connection:
        """A connection that may change everything; refusals are raised."""
        server = Server("127.0.0.1", self.port, get_info=NONE)
        return Connection(server, ADMIN, PASSWORD, auto_bind=True, raise_exceptions=True, receive_timeout=10)

    def add_person(self, login: str, password: str = "", name: str = "", unit: str = "people") -> str:
        """A new person; their DN.  The password is PASSWORD-OF-LOGIN in small letters by default."""
        dn = f"uid={login},ou={unit},{BASE}"
        values = {
            "cn": name or login.title(),
            "sn": login,
            "mail": f"{login}@example.org",
            "userPassword": password or f"password-of-{login}",
        }
        with self.admin() as link:
            link.add(dn, "inetOrgPerson", values)
        return dn

    def add_group(self, name: str, members: Sequence[str]) -> str:
        """A new group with the DNs of its members; its own DN."""
        dn = f"cn={name},ou=groups,{BASE}"
        with self.admin() as link:
            link.add(dn, "groupOfNames", {"member": list(members)})
        return dn

    def change(self, dn: str, values: Mapping[str, Sequence[str]]) -> None:
        """Give attributes other values."""
        with self.admin() as link:
            link.modify(dn, {name: [(MODIFY_REPLACE, list(each))] for name, each in values.items()})

    def rename(self, dn: str, login: str) -> str:
        """Give a person another login name; the new DN."""
        with self.admin() as link:
            link.modify_dn(dn, f"uid={login}")
        return f"uid={login},{dn.partition(',')[2]}"

    def remove(self, dn: str) -> None:
        """Remove an entry."""
        with self.admin() as link:
            link.delete(dn)

    def _configure(self) -> None:
        schemas = "\n".join(f"include {SCHEMAS}/{name}.schema" for name in ("core", "cosine", "nis", "inetorgperson"))
        (self.folder / "slapd.conf").write_text(
            f"{schemas}\n"
            # What many servers do by mistake, and what makes an empty password dangerous.
            "allow bind_anon_cred bind_anon_dn\n"
            "modulepath /usr/lib/ldap\nmoduleload back_mdb\n"
            f"pidfile {self.folder}/pid\n"
            f"TLSCertificateFile {self.certificate}\nTLSCertificateKeyFile {self.folder}/key.pem\n"
            "sizelimit size.soft=50 size.hard=50 size.pr=50 size.prtotal=unlimited\n"
            f'database mdb\nmaxsize 1073741824\nsuffix "{BASE}"\n'
            f'rootdn "{ADMIN}"\nrootpw {PASSWORD}\ndirectory {self.folder}/db\n'
            "dbnosync\nindex objectClass,uid,member,memberUid eq\n"
        )

    def _certify(self) -> None:
        """A certificate for localhost that signs itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (self.folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
