"""The OpenAPI document, checked by schemathesis (PyPI): what it says is what happens, whatever is sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.server import Server

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,negative_data_rejection"
)
#: What would end the run: streams that wait for changes, and whatever takes the password or the rights of the caller.
LEFT_OUT = "/(events|changes|settings|disable|enable|password-reset)$"

#: What wrong requests are refused with: an address that is too long, too.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "414", "415", "422", "429"]
"""
#: Where niquests is installed, its own urllib3 takes the place of urllib3, and its pools cannot be counted.
PROGRAM = """
from urllib3.util import traffic_police
traffic_police.TrafficPolice.keys = lambda pool: []
from schemathesis.cli import schemathesis
schemathesis()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alice", "admin"])
def test_document(module_server: Server, tmp_path: Path, name: str) -> None:
    """Good and bad requests to every operation: no 5xx, and each answer is one that the document has."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    done = subprocess.run(
        [
            sys.executable, "-c", PROGRAM, "run", f"{module_server.url}/api/v1/openapi.json",
            "--checks", CHECKS, "--exclude-path-regex", LEFT_OUT,
            "--auth", f"{name}:{module_server.users[name]}", "--phases", "examples,coverage,fuzzing",
            "--max-examples", "4", "--no-shrink", "--continue-on-failure", "--generation-deterministic",
            "--request-timeout", "30", "--warnings", "off", "--no-color",
        ],
        capture_output=True, text=True, timeout=900, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-40000:] + done.stderr[-2000:]
