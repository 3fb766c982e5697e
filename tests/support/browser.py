"""A browser without a screen: cookies, redirects, and what browsers say of their own accord."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

from support.client import Answer

Headers = dict[str, str]
PAGE: Headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Browser:
    """One person's; cookies belong to a host, whatever the port, as in real ones."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.settings: dict[str, str] = {}

    def request(self, method: str, url: str, headers: Headers | None = None, body: str | None = None) -> Answer:
        """One request, with the cookies; redirects are not followed."""
        parts = urlsplit(url if "://" in url else self.url + url)
        link = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        sent = {**PAGE, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            link.request(method, f"{parts.path}{'?' + parts.query if parts.query else ''}", body, sent)
            response = link.getresponse()
            answer = Answer(f"{method} {url}", response.status, response.headers, response.read())
        finally:
            link.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            self._keep(line)
        return answer

    def open(self, url: str, headers: Headers | None = None) -> Answer:
        """Go somewhere, and to wherever that leads."""
        for _ in range(10):
            answer = self.request("GET", url, headers)
            if answer.status != 302:
                return answer
            url = answer["Location"]
        raise AssertionError(f"too many redirects: {url}")

    def _keep(self, line: str) -> None:
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        self.settings[name] = "; ".join(attributes)
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
