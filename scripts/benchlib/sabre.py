"""SabreDAV: Debian's php-sabre-dav in php-fpm behind nginx, the way it is usually run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from benchlib.apache import PATH
from benchlib.guard import Guard
from benchlib.servers import DiskServer, Missing

_LIBRARIES = ("/usr/share/php/Sabre/autoload.php", "/usr/share/php/Sabre/DAV/autoload.php")
_PROGRAM = """\
<?php
// Deprecations of newer PHP versions must not get into the answers.
error_reporting(0);
require '{library}';
$server = new Sabre\\DAV\\Server(new Sabre\\DAV\\FS\\Directory('{folder}/data'));
$server->setBaseUri('/');
$server->addPlugin(new Sabre\\DAV\\Locks\\Plugin(new Sabre\\DAV\\Locks\\Backend\\File('{folder}/state/locks')));
$server->exec();
"""
_POOL = """\
[global]
error_log = {folder}/log
daemonize = no
[bench]
{account}
listen = {folder}/php.sock
pm = static
pm.max_children = 8
php_admin_value[memory_limit] = 512M
"""
_NGINX = """\
daemon off;
{account}
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {folder}/state/body;
    fastcgi_temp_path {folder}/state/fastcgi;
    proxy_temp_path {folder}/state/proxy;
    scgi_temp_path {folder}/state/scgi;
    uwsgi_temp_path {folder}/state/uwsgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            fastcgi_pass unix:{folder}/php.sock;
            fastcgi_request_buffering off;
            fastcgi_param SCRIPT_FILENAME {folder}/server.php;
            fastcgi_param SCRIPT_NAME /server.php;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param SERVER_NAME 127.0.0.1;
            fastcgi_param SERVER_PORT {port};
        }}
    }}
}}
"""


def _php_fpm() -> str:
    """Debian puts the version into the program's name; the newest one."""
    names: set[str] = set()
    for folder in filter(os.path.isdir, PATH.split(":")):
        names.update(name for name in os.listdir(folder) if re.fullmatch(r"php-fpm[\d.]*", name))
    newest = max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)], default="")
    return shutil.which(newest, path=PATH) or "" if newest else ""


class Sabre(DiskServer):
    """Files of a folder with the plugin for locks, for everybody."""

    key = "sabre"
    name = "SabreDAV"
    about = "FS tree and the Locks plugin on php-fpm (8 processes) behind nginx"

    def __init__(self, folder: Path, guard: Guard) -> None:
        self._fpm, self._nginx = _php_fpm(), shutil.which("nginx", path=PATH) or ""
        library = next(filter(os.path.exists, _LIBRARIES), "")
        wanted = {"php-sabre-dav": library, "php-fpm": self._fpm, "nginx": self._nginx}
        if missing := [package for package, found in wanted.items() if not found]:
            raise Missing(f"Debian packages that are needed: {' '.join(missing)}")
        super().__init__(folder, guard)
        self.own(folder / "state")
        who = self._account
        accounts = {
            "php-fpm.conf": f"user = {who.user}\ngroup = {who.group}\nlisten.owner = {who.user}" if who else "",
            "nginx.conf": f"user {who.user} {who.group};" if who else "",
            "server.php": "",
        }
        texts = {"php-fpm.conf": _POOL, "nginx.conf": _NGINX, "server.php": _PROGRAM}
        for name, text in texts.items():
            made = text.format(folder=folder, port=self.port, library=library, account=accounts[name])
            (folder / name).write_text(made, "utf-8")

    @property
    def title(self) -> str:
        """With the version of the package, where dpkg knows it, and of PHP."""
        query = ["dpkg-query", "-W", "-f", "${Version}", "php-sabre-dav"]
        known = shutil.which("dpkg-query")
        version = subprocess.run(query, capture_output=True, text=True, check=False).stdout if known else ""
        php = subprocess.run([self._fpm, "-v"], capture_output=True, text=True, check=False).stdout.split()
        return f"SabreDAV {version.partition('-')[0]} on PHP {php[1] if len(php) > 1 else ''}".replace(
            "  ", " "
        ).strip()

    def commands(self) -> list[list[str]]:
        """The PHP processes, and nginx that listens."""
        where = str(self.folder)
        fpm = [self._fpm, "--nodaemonize", "--fpm-config", f"{where}/php-fpm.conf"]
        return [fpm, [self._nginx, "-p", where, "-e", f"{where}/log", "-c", f"{where}/nginx.conf"]]
