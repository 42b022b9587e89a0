"""A real IMAP server (Dovecot) on this machine, with one user whose mail lies in a folder of the test's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAM = shutil.which("dovecot") or ("/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None)
PRESENT = PROGRAM is not None and Path("/usr/lib/dovecot/imap").exists()

CONFIGURATION = """
base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/log
protocols = imap
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
auth_failure_delay = 0
disable_plaintext_auth = no
auth_mechanisms = plain login {mechanisms}
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
mail_location = maildir:{root}/mail
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
imap_capability = {capability}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {port_tls}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
  mailbox Junk {{
    special_use = \\Junk
    auto = create
  }}
}}
passdb {{
  driver = static
  args = password=right-horse
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail
}}
"""


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Server:
    """A running server; `cert` is the file of the certificate to trust."""

    def __init__(self, root: Path, capability: str = "", ssl: str = "yes") -> None:
        import grp
        import pwd

        self.root = root
        self.port, self.port_tls = free_port(), free_port()
        self.cert = root / "cert.pem"
        made_cert(root)
        (root / "run").mkdir()
        for name in ("new", "cur", "tmp"):
            (root / "mail" / name).mkdir(parents=True)
        uid, gid = os.getuid(), os.getgid()
        internal = login = pwd.getpwuid(uid).pw_name
        group = grp.getgrgid(gid).gr_name
        if uid == 0:  # the server refuses to work as root: the accounts its package makes, and nobody's mail
            internal, login, group = "dovecot", "dovenull", "dovecot"
            uid, gid = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid
        self.owner = (uid, gid)
        self._own(root / "mail")
        (root / "dovecot.conf").write_text(
            CONFIGURATION.format(
                root=root,
                port=self.port,
                port_tls=self.port_tls,
                uid=uid,
                gid=gid,
                internal=internal,
                login=login,
                group=group,
                capability=capability,
                ssl=ssl,
                mechanisms="",
            )
        )
        self.start()

    def _own(self, place: Path) -> None:
        if os.getuid() == 0:
            for each in (place, *place.rglob("*")):
                os.chown(each, *self.owner)

    def start(self) -> None:
        assert PROGRAM
        self.process = subprocess.Popen(
            [PROGRAM, "-F", "-c", str(self.root / "dovecot.conf")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(200):
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stdout.read().decode() if self.process.stdout else "")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.03)
        raise RuntimeError((self.root / "log").read_text())

    def deliver(self, data: bytes, folder: str = "") -> None:
        """Put a mail into a folder, as a delivery agent does."""
        place = self.root / "mail" / folder
        name = f"{time.time_ns()}.M1P{os.getpid()}.host"
        for each in ("new", "cur", "tmp"):
            (place / each).mkdir(parents=True, exist_ok=True)
        (place / "tmp" / name).write_bytes(data)
        self._own(place)
        (place / "tmp" / name).rename(place / "new" / name)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def made_cert(root: Path) -> None:
    """A certificate for localhost that signs itself."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (root / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (root / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
