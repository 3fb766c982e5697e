"""Mail: what waits in the outbox is sent once, again after failures, and given up where there is no use in it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from people_kit import open_copy

from davshare.config import Config
from davshare.errors import NotFound, UsageError
from davshare.files.service import Files
from davshare.index import mail as rows
from davshare.model.site import Site
from davshare.notices import mail
from davshare.notices.mail import Letter
from davshare.notices.smtp import Refused, Smtp, message
from davshare.server.mailer import Mailer
from support.mailbox import LOGIN, Mailbox, text_of
from support.polling import eventually
from support.server import Server


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """An SMTP server."""
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """A site that sends mail."""
    made = open_copy(tmp_path)
    made.site = Site("https://files.example.org", True)
    yield made
    made.db.close()


def config(box: Mailbox) -> Config:
    """Sends to the box."""
    return Config(mail_host="127.0.0.1", mail_port=box.port, mail_security="none", mail_timeout=5)


def post(files: Files, address: str = "ann@example.org", **other: str) -> bool:
    """Let a letter wait."""
    letter = Letter(address, "Ann Ä.", "Grüße", "a secret: s3cret\n")._replace(**other)
    with files.db.write() as connection:
        return mail.post(files, connection, letter)


def rounds(files: Files, made: Config, count: int = 2) -> int:
    """How many a mailer sends in some rounds."""
    mailer = Mailer(files, made)
    return sum(mailer.round(time.time(), threading.Event()) for _ in range(count))


def test_a_letter_arrives_once_and_is_forgotten(files: Files, box: Mailbox) -> None:
    """With the headers that a program's mail needs, and nothing of it stays."""
    assert post(files)
    assert rounds(files, config(box), 3) == 1
    (got,) = box.messages
    assert (got["To"], got["Subject"]) == ('"Ann Ä." <ann@example.org>', "Grüße")
    assert got["From"] == "davshare <davshare@localhost>" and got["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(got["Date"]).timestamp() - time.time()) < 60
    assert got["Message-ID"].endswith("@localhost>") and got.get_content_type() == "text/plain"
    assert text_of(got) == "a secret: s3cret\n"
    assert mail.listed(files) == []


def test_what_waits_cannot_be_read_in_the_index(files: Files) -> None:
    """Links in it are secrets."""
    post(files)
    (row,) = mail.listed(files)
    assert b"s3cret" not in row.body and mail.text_of(files, row) == "a secret: s3cret\n"
    (files.data / "secret.key").write_bytes(b"x" * 32)
    assert mail.text_of(files, row) is None


def test_without_a_server_nothing_waits(files: Files) -> None:
    """Where no mail is configured, none is written down."""
    files.site = Site()
    assert not post(files)
    assert mail.listed(files) == []


@pytest.mark.parametrize(
    "address",
    ["", "ann", "ann@", "@example.org", "a b@example.org", "a@b\r\nBcc: x@y", "a@b,c@d", "<a@b>", f"a@{'b' * 300}"],
)
def test_what_is_no_address(files: Files, address: str) -> None:
    """Nothing is sent to it."""
    assert not mail.is_address(address) and not post(files, address)


def test_headers_cannot_be_added(files: Files, box: Mailbox) -> None:
    """Line breaks in names and subjects are spaces, and the library refuses those that would come through."""
    post(files, subject="One\r\nBcc: eve@example.org\x00\n\n<b>", name="Ann\nCc: eve@example.org")
    rounds(files, config(box))
    (got,) = box.messages
    assert got["Subject"] == "One Bcc: eve@example.org <b>" and got["Bcc"] is None and got["Cc"] is None
    assert box.recipients == ["ann@example.org"]
    with pytest.raises(ValueError):
        message("files@example.org", Letter("a@b.example", "", "a\nBcc: c@d.example", ""), "1", 0)


def test_bounded_for_each_address(files: Files) -> None:
    """Nobody is flooded, and the outbox does not grow without end."""
    assert [post(files) for _ in range(mail.MOST_TO_ONE + 2)].count(True) == mail.MOST_TO_ONE
    assert post(files, "bob@example.org")


def test_later_after_a_refusal_that_may_end(files: Files, box: Mailbox) -> None:
    """A 4xx is tried again, later each time; the Message-ID stays; others are sent meanwhile."""
    post(files)
    post(files, "bob@example.org")
    box.answers = ["451 later"]
    assert rounds(files, config(box)) == 1 and box.recipients == ["bob@example.org"]
    (row,) = mail.listed(files)
    assert (row.attempts, row.status, row.given_up) == (1, "451 later", False)
    assert 0 < row.next - time.time() <= mail.FIRST
    assert rounds(files, config(box)) == 0
    mail.retry(files, row.id)
    assert rounds(files, config(box)) == 1
    assert box.to("ann@example.org")[0]["Message-ID"].startswith(f"<{row.message}@")


def test_given_up_where_there_is_no_use(files: Files, box: Mailbox) -> None:
    """A 5xx is final, until somebody says otherwise; so is the last of many attempts. What is old goes."""
    post(files)
    box.answers = ["550 nobody here"]
    assert rounds(files, config(box)) == 0
    (row,) = mail.listed(files)
    assert row.given_up and row.status == "550 nobody here"
    mail.retry(files, None)
    assert rounds(files, config(box)) == 1
    post(files)
    (row,) = mail.listed(files)
    mail.note_failed(files, row._replace(attempts=mail.TRIES - 1), "451 later", False)
    (row,) = mail.listed(files)
    assert row.given_up
    assert mail.forget_given_up(files, row.created) == 0
    assert mail.forget_given_up(files, row.created + 31 * 86400) == 1 and mail.listed(files) == []
    with pytest.raises(NotFound):
        mail.retry(files, row.id)


def test_nobody_listens(files: Files, box: Mailbox) -> None:
    """The pauses double up to a limit."""
    made = config(box)
    box.close()
    post(files)
    pauses = []
    for _ in range(12):
        with files.db.write() as connection:
            rows.note(connection, mail.listed(files)[0]._replace(next=0))
        assert rounds(files, made, 1) == 0
        pauses.append(mail.listed(files)[0].next - time.time())
    assert pauses[0] <= mail.FIRST and all(one < other + 2 for one, other in itertools.pairwise(pauses))
    assert mail.LONGEST - 5 < pauses[-1] <= mail.LONGEST


@pytest.mark.filterwarnings("ignore:Requiring AUTH", "ignore:.*login_data")
def test_signing_in(tmp_path: Path, files: Files) -> None:
    """With the password from a file; a wrong one is told, and the letter waits."""
    box = Mailbox(auth=True)
    (tmp_path / "password").write_text(LOGIN[1] + "\n", "utf-8")
    made = replace(config(box), mail_user=LOGIN[0], mail_password_file=str(tmp_path / "password"))
    post(files)
    assert rounds(files, made) == 1
    (tmp_path / "password").write_text("wrong", "utf-8")
    post(files)
    assert rounds(files, made) == 0
    assert mail.listed(files)[0].status.startswith("535")
    for wrong in ("", str(tmp_path / "missing")):
        with pytest.raises(UsageError):
            Smtp(replace(made, mail_password_file=wrong))
    box.close()


def test_no_encryption_no_mail(files: Files, box: Mailbox) -> None:
    """Where STARTTLS is asked for and not offered, nothing is said in clear."""
    with pytest.raises(Refused), Smtp(replace(config(box), mail_security="starttls")).connected():
        pass
    with pytest.raises(Refused), Smtp(replace(config(box), mail_security="tls")).connected():
        pass
    assert box.messages == []


def test_starttls(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate has to be a known one, of that host."""
    context = certificate(tmp_path)
    box = Mailbox(context=context)
    made = replace(config(box), mail_security="starttls")
    with pytest.raises(Refused, match="certificate"), Smtp(made).connected():
        pass
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    post(files)
    assert rounds(files, made) == 1 and box.tls == [True]
    box.close()


def certificate(folder: Path):
    """A TLS context with a certificate of its own for 127.0.0.1."""
    import datetime
    import ipaddress
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.slow
def test_commands(own_server, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message on trial; the list; what the keeper of a running server sends, once it is told to try again."""
    server: Server = own_server(workers=1, env=box.env)
    for name, value in box.env.items():
        (server.data / "davshare.toml").open("a").write(f"{name[9:].lower()} = {json.dumps(value)}\n")
    assert server.cli("mail", "test", "ann@example.org").stdout == "sent from files@example.org\n"
    assert box.recipients == ["ann@example.org"]
    box.answers = ["550 nobody here"] * 2
    failed = server.cli("mail", "test", "ann@example.org", check=False)
    assert failed.returncode == 5 and "550 nobody here" in failed.stderr
    assert server.cli("mail", "test", "nobody", check=False).returncode == 2
    from davshare.server import admin

    with admin.files(server.data) as files:
        assert files.site.mails and post(files, "bob@example.org")
    told = eventually(lambda: [each for each in json.loads(server.cli("mail", "list", "--json").stdout or "[]")
                               if each["given_up"]])  # fmt: skip
    assert told[0]["to"] == "bob@example.org" and told[0]["status"] == "550 nobody here"
    assert "s3cret" not in server.cli("mail", "list").stdout
    assert server.cli("mail", "retry", "999", check=False).returncode == 3
    server.cli("mail", "retry", str(told[0]["id"]))
    assert eventually(lambda: box.to("bob@example.org"))
    eventually(lambda: json.loads(server.cli("mail", "list", "--json").stdout) == [])


def test_commands_where_no_mail_is_sent(own_server) -> None:
    """The trial says so."""
    server: Server = own_server(serve=False)
    failed = server.cli("mail", "test", "ann@example.org", check=False)
    assert failed.returncode == 2 and "mail_host" in failed.stderr
