"""Apache httpd with mod_dav_fs and the event MPM."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benchlib.guard import Guard
from benchlib.ours import BASIC
from benchlib.servers import PASSWORD, USER, DiskServer, Missing

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_MODULE_FOLDERS = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
_MODULES = ("mpm_event", "unixd", "authn_core", "authz_core", "mime", "dav", "dav_fs", "dav_lock")
_BASIC_MODULES = ("authn_file", "authz_user", "auth_basic")
_CONFIGURATION = """\
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/log
LogLevel warn
{modules}
{account}
TypesConfig {types}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
DocumentRoot {folder}/data
DavLockDB {folder}/locks/db
<Directory {folder}/data>
    Dav On
    AllowOverride None
    {access}
</Directory>
"""
_BASIC_ACCESS = """\
AuthType Basic
    AuthName bench
    AuthBasicProvider file
    AuthUserFile {folder}/passwords
    Require valid-user"""


class Apache(DiskServer):
    """For everybody."""

    key = "apache"
    name = "Apache mod_dav"
    about = "event MPM, otherwise as it comes"
    modules: tuple[str, ...] = _MODULES

    def __init__(self, folder: Path, guard: Guard) -> None:
        self._program = shutil.which("apache2", path=PATH) or shutil.which("httpd", path=PATH) or ""
        modules = next((Path(each) for each in _MODULE_FOLDERS if (Path(each) / "mod_dav_fs.so").exists()), None)
        if not self._program or modules is None:
            raise Missing("no apache2 with mod_dav_fs; Debian package apache2-bin")
        super().__init__(folder, guard)
        self.own(folder / "locks")
        (folder / "httpd.conf").write_text(self._configuration(modules), "utf-8")

    def _configuration(self, modules: Path) -> str:
        found = [name for name in self.modules if (modules / f"mod_{name}.so").exists()]
        return _CONFIGURATION.format(
            folder=self.folder,
            port=self.port,
            modules="\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in found),
            account=f"User {self._account.user}\nGroup {self._account.group}" if self._account else "",
            types="/etc/mime.types" if Path("/etc/mime.types").exists() else "/dev/null",
            access=self.access(),
        )

    def access(self) -> str:
        """Who may."""
        return "Require all granted"

    @property
    def title(self) -> str:
        """With the version of the program."""
        text = subprocess.run([self._program, "-v"], capture_output=True, text=True, check=False).stdout
        version = text.partition("Apache/")[2].split()
        return self.name.replace("Apache", f"Apache {version[0]}") if version else self.name

    def commands(self) -> list[list[str]]:
        """In the foreground, so that it stays in its process group."""
        return [[self._program, "-f", str(self.folder / "httpd.conf"), "-D", "FOREGROUND"]]


class BasicApache(Apache):
    """With Basic authentication and a hash as htpasswd makes it."""

    key = "apache-basic"
    name = "Apache mod_dav, Basic"
    authenticates = "Basic, with each request"
    about = "the same with mod_auth_basic and a password file (apr1)"
    headers = BASIC
    modules = _MODULES + _BASIC_MODULES

    def access(self) -> str:
        """The one user, whose hash openssl makes."""
        openssl = shutil.which("openssl")
        if openssl is None:
            raise Missing("no openssl to hash a password; Debian package openssl")
        made = subprocess.run(
            [openssl, "passwd", "-apr1", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
        )
        (self.folder / "passwords").write_text(f"{USER}:{made.stdout.strip()}\n", "utf-8")
        return _BASIC_ACCESS.format(folder=self.folder)
