"""Whatever rclone reaches as a remote: one process for each call, with rclone's own configuration."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import CannotCreate, ConfigError, Unavailable
from roadmap_cli.slm.sync import segment
from roadmap_cli.slm.sync.remotes.place import PURPOSE, Missing, rclone_host

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport

_NOT_FOUND = (3, 4)  # rclone's exit codes: directory, file not found
_GONE = "is a directory or doesn't exist"  # what older ones say instead, with code 1; a segment is no directory
_TIMEOUT_S = 600


class Rclone:
    """Files below a path of an rclone remote. Each call needs a permission for ``rclone-NAME`` and is audited."""

    is_remote = True

    def __init__(
        self,
        url: str,
        *,
        transport: Transport,
        environ: Mapping[str, str],
    ):
        self.target = url.removeprefix("rclone:").rstrip("/")
        self.host = rclone_host(url)
        self.transport = transport
        self._said = ""
        self.environ = environ

    def files(self) -> dict[str, int]:
        """The segments that are there."""
        code, data = self._run(["lsjson", "-R", "--files-only", "--no-modtime"], "v1")
        if code in _NOT_FOUND:
            return {}
        self._expect(code)
        found = {f"v1/{each['Path']}": int(each["Size"]) for each in json.loads(data)}
        return {name: size for name, size in found.items() if segment.NAME.match(name)}

    def get(self, name: str) -> bytes:
        """The bytes of a segment."""
        code, data = self._run(["cat"], name)
        if code in _NOT_FOUND or (code == 0 and not data):
            raise Missing("it is missing", where=f"{self.target}/{name}")
        self._expect(code)
        return data

    def put(self, name: str, data: bytes, kinds: Sequence[str]) -> None:
        """Write a segment."""
        code, _ = self._run(["rcat"], name, data, kinds)
        self._expect(code)

    def delete(self, name: str) -> None:
        """Remove a segment."""
        code, _ = self._run(["deletefile"], name)
        if code not in _NOT_FOUND and _GONE not in self._said:
            self._expect(code)

    def _run(self, words: list[str], name: str, data: bytes = b"", kinds: Sequence[str] = ()) -> tuple[int, bytes]:
        program = shutil.which("rclone", path=self.environ.get("PATH"))
        if program is None:
            raise Unavailable("rclone is not installed", hint="apt-get install rclone")
        separator = "" if self.target.endswith(":") else "/"
        place = f"{self.target}{separator}{name}"
        arguments = [program, words[0], "--retries", "3", "--ask-password=false", *words[1:], "--", place]
        with self.transport.by_program(
            words[0].upper(),
            host=self.host,
            what=f"rclone:{place}",
            purpose=PURPOSE,
            kinds=kinds,
            bytes_out=len(data),
            named_by_user=False,
        ) as note:
            try:
                done = subprocess.run(
                    arguments, input=data, env=dict(self.environ), capture_output=True, timeout=_TIMEOUT_S, check=False
                )
            except subprocess.TimeoutExpired:
                raise Unavailable(f"rclone did not end in {_TIMEOUT_S} s", code="timed_out") from None
            note(len(done.stdout))
        self._said = done.stderr.decode("utf-8", "replace")
        return done.returncode, done.stdout

    def _expect(self, code: int) -> None:
        if code == 0:
            return
        lines = [line for line in self._said.strip().splitlines() if line.strip()]
        last = lines[-1].partition(": ")[2] or lines[-1] if lines else f"it ended with {code}"
        if "no space" in last.lower() or "quota" in last.lower():
            raise CannotCreate(f"{self.host!r} has no space left: {last}", code="remote_full")
        if "didn't find section" in self._said:
            raise ConfigError(f"rclone knows no remote of that name: {self.target!r}", hint="rclone config")
        raise Unavailable(f"rclone: {last}", hint=f"try: rclone lsf {self.target}")
