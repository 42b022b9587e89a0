"""Mail steps against a real SMTP server (aiosmtpd): once, to whom the scope allows, no header from a value."""

from __future__ import annotations

import email
import email.policy
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .conftest import Act, read

controller = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd, the real peer, is not installed")
smtp = pytest.importorskip("aiosmtpd.smtp", reason="aiosmtpd, the real peer, is not installed")


class Served(controller.Controller):
    """aiosmtpd on a port that the system gives."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


SEND = {"role": "communication", "effects": ("network", "message"), "scope": ("mailbox:*@example.com",)}
SPEC = {"to": "ops@example.com", "subject": "alert ${event.x}", "text": "body ${event.x}\n.\nend"}


class Box:
    """What came in, and what is answered."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Any]] = []
        self.says: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if answer := self.says.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if "data" in self.says:
            if self.says["data"] == "cut":
                self.mails.append((envelope.rcpt_tos, None))
                server.transport.abort()
                return "250 never heard"
            return self.says["data"]
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def host(box: Box) -> Iterator[str]:
    served = Served(box, hostname="127.0.0.1", port=0)
    served.start()
    yield f"127.0.0.1:{served.server.sockets[0].getsockname()[1]}"
    served.stop(no_assert=True)


@pytest.fixture(autouse=True)
def account(host: str, settings: Callable[[str], None]) -> None:
    settings(f'[mail.default]\nurl = "smtp://{host}"\nfrom = "\\"Robot, of ops\\" <robot@example.com>"\n')


def sent(act: Act, **more: Any) -> Any:
    return act(
        "mail",
        {**SPEC, **more.pop("spec", {})},
        values={"event": {"x": "disk"}, **more.pop("values", {})},
        **{**SEND, **more},
    )


def test_a_message(act: Act, box: Box) -> None:
    found = sent(act, spec={"cc": ["bob@example.com"], "in_reply_to": "<1@example.com>"}, key="k1")
    assert found["output"] == {"message_id": "<k1.roadmap@example.com>", "recipients_count": 2}
    [(recipients, mail)] = box.mails
    assert recipients == ["ops@example.com", "bob@example.com"]
    assert (mail["Subject"], mail["Message-ID"], mail["In-Reply-To"], mail["Auto-Submitted"]) == (
        "alert disk",
        "<k1.roadmap@example.com>",
        "<1@example.com>",
        "auto-generated",
    )
    assert mail["From"].addresses[0].display_name == "Robot, of ops"
    assert mail.get_content().replace("\r\n", "\n") == "body disk\n.\nend\n"
    assert (
        sent(act, spec={"cc": ["bob@example.com"], "in_reply_to": "<1@example.com>"}, key="k1")["output"]
        == found["output"]
    )
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    "evil",
    [
        "x\r\nBcc: eve@evil.example",
        "x\nTo: eve@evil.example\n\nbody",
        "\r\n.\r\nMAIL FROM:<x>",
        "ä€😀" * 100,
        "x" * 5000,
    ],
)
def test_no_value_adds_a_header_or_a_recipient(act: Act, box: Box, evil: str) -> None:
    found = sent(act, values={"event": {"x": evil}})
    assert found["status"] == "succeeded", found
    [(recipients, mail)] = box.mails
    assert recipients == ["ops@example.com"]
    assert sorted(mail.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "Content-Type",
            "Content-Transfer-Encoding",
            "MIME-Version",
        ]
    )
    assert mail["To"] == "ops@example.com"
    assert mail.get_content().replace("\r\n", "\n").rstrip("\n") == f"body {evil}\n.\nend".replace("\r\n", "\n")


def test_recipients_within_the_scope_only(act: Act, box: Box) -> None:
    for to in (
        "eve@evil.example",
        "ops@example.com.evil.example",
        "a@example.com, eve@evil.example",
        "<ops@example.com>",
        "ops@example.com\r\nRCPT TO:<eve@x>",
        "",
        "@example.com",
        "a@b@example.com",
        ["ops@example.com", "eve@evil.example"],
    ):
        found = sent(act, spec={"to": ["${inputs.to}"]}, values={"inputs": {"to": to}})
        assert found["failure"] == "permanent", to
    assert box.mails == []
    found = sent(act, spec={"to": ["${inputs.to}"]}, values={"inputs": {"to": ["a@example.com", "b@example.com"]}})
    assert found["output"]["recipients_count"] == 2
    for role in ("data", "operations", "documentation"):
        assert "no tool 'mail'" in sent(act, role=role)["reason"]


def test_recipients_never_come_from_data() -> None:
    for value in ("${event.from}", "${steps.a.output}", "a${event.x}@example.com"):
        assert [each.code for each in read("mail", {**SPEC, "to": value})[1]] == ["recipient_from_data"]
        assert [each.code for each in read("mail", {**SPEC, "cc": [value]})[1]] == ["recipient_from_data"]


def test_refusals(act: Act, box: Box) -> None:
    box.says = {"bob@example.com": "550 no such user"}
    found = sent(act, spec={"to": ["ops@example.com", "bob@example.com"]}, key="k")
    assert (found["failure"], "no such user" in found["reason"], box.mails) == ("permanent", True, [])
    box.says = {"ops@example.com": "451 greylisted, come again"}
    assert sent(act, key="g")["failure"] == "transient"
    box.says = {"data": "452 disk full"}
    assert sent(act, key="g")["failure"] == "transient"
    box.says = {}
    assert sent(act, key="g")["status"] == "succeeded"


def test_a_lost_answer_is_not_sent_again(act: Act, box: Box) -> None:
    box.says = {"data": "cut"}
    found = sent(act, key="k")
    assert (found["failure"], "not known" in found["reason"]) == ("unknown", True)
    box.says = {}
    assert sent(act, key="k")["failure"] == "unknown"
    assert len(box.mails) == 1


def test_nobody_there_is_tried_again(act: Act, settings: Callable[[str], None]) -> None:
    settings('[mail.default]\nurl = "smtp://127.0.0.1:1"\nfrom = "robot@example.com"\n')
    assert sent(act, key="k")["failure"] == "transient"
    assert sent(act, key="k")["failure"] == "transient"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_encrypted_and_logged_in(
    act: Act, box: Box, settings: Callable[[str], None], certificate: tuple[Path, Path], scheme: str
) -> None:
    key, cert = certificate
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    logins: list[bytes] = []

    def authenticator(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        logins.append(data.password)
        return smtp.AuthResult(success=data.password == b"pass word", handled=False)

    more = {"ssl_context": tls} if scheme == "smtps" else {}
    settings_of = {
        "hostname": "127.0.0.1",
        "port": 0,
        "authenticator": authenticator,
        "auth_required": True,
        "server_hostname": "localhost",
    }
    if scheme == "smtp":
        served = Served(box, tls_context=tls, require_starttls=True, **settings_of)
    else:
        served = Served(box, auth_require_tls=False, **settings_of, **more)
    with suppress(OSError):  # its own probe knows no certificate
        served.start()
    try:
        port = served.server.sockets[0].getsockname()[1]
        settings(
            f'[mail.default]\nurl = "{scheme}://localhost:{port}"\nfrom = "robot@example.com"\nuser = "robot"\npassword = "pw"\n'
            '[secret.pw]\nenv = "PW"\nhosts = ["localhost"]\n'
        )
        act.environ |= {"PW": "pass word"}
        assert "not trusted" in sent(act)["reason"]
        act.environ["SSL_CERT_FILE"] = str(cert)
        assert sent(act)["status"] == "succeeded"
        act.environ["PW"] = "wrong one"
        found = sent(act)
        assert (found["failure"], "refuses AUTH" in found["reason"], "wrong one" in repr(found)) == (
            "permanent",
            True,
            False,
        )
        assert (len(box.mails), logins) == (1, [b"pass word", b"wrong one"])
    finally:
        served.stop(no_assert=True)


def test_no_permission_nothing_is_sent(act: Act, settings: Callable[[str], None]) -> None:
    settings('[mail.default]\nurl = "smtps://smtp.example.invalid"\nfrom = "robot@example.com"\n')
    found = sent(act)
    assert (found["failure"], "no permission" in found["reason"]) == ("permanent", True)
