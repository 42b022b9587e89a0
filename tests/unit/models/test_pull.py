"""Pulling: wheels, URLs and files at hand; wrong hashes, broken downloads, full disks, several at once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core.errors import CannotCreate, ConfigError, DataError, InputMissing, RoadmapError, Unavailable
from roadmap_cli.models import registry
from roadmap_cli.models.installing.pull import pull
from roadmap_cli.net import audit
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import State

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
DATA = bytes(range(256)) * 8192  # 2 MiB
HASH = hashlib.sha256(DATA).hexdigest()
Getting = Callable[..., bool]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


@pytest.fixture
def describe(environ: dict[str, str]) -> Callable[..., registry.Registry]:
    """Write a models.toml with one model of one file, and load it."""

    def write(source: str, sha256: str = HASH, size: int = len(DATA)) -> registry.Registry:
        path = Path(environ["HOME"]) / ".config/roadmap/models.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'[model.toy]\ntask = "toy"\nlicence = "CC0-1.0"\n[[model.toy.file]]\nname = "toy.bin"\nsize = {size}\n'
            f'sha256 = "{sha256}"\nsources = [{{ {source} }}]\n'
        )
        return registry.load(environ)

    return write


@pytest.fixture
def get(state: State) -> Getting:
    def run(found: registry.Registry, **more: Any) -> bool:
        transport = Transport(
            state, command="slm-models pull", offline=more.pop("offline", False), now=lambda: AT, sleep=lambda s: None
        )
        return pull(found, found.model("toy"), transport=transport, at=AT, wait_s=20, **more)

    return run


def leftovers(found: registry.Registry) -> list[str]:
    return sorted(path.name for path in found.directory.iterdir() if not path.name.endswith(".lock"))


def test_a_file_at_hand(describe: Any, get: Getting, tmp_path: Path) -> None:
    (tmp_path / "at-hand").write_bytes(DATA)
    found = describe(f'path = "{tmp_path / "at-hand"}"')
    counted: list[int] = []
    assert get(found, progress=counted.append) is True
    assert sum(counted) == len(DATA)
    assert found.file(found.model("toy")).read_bytes() == DATA
    assert get(found) is False
    assert [item["ok"] for item in found.verify(found.model("toy"))] == [True]
    assert leftovers(found) == ["toy"]
    assert found.remove(found.model("toy")) > len(DATA)
    assert leftovers(found) == []


@pytest.mark.parametrize(("sha256", "size"), [("0" * 64, len(DATA)), (HASH, len(DATA) - 1), (HASH, len(DATA) + 1)])
def test_what_is_not_what_it_should_be_is_not_installed(
    describe: Any, get: Getting, tmp_path: Path, sha256: str, size: int
) -> None:
    (tmp_path / "at-hand").write_bytes(DATA)
    found = describe(f'path = "{tmp_path / "at-hand"}"', sha256, size)
    with pytest.raises(DataError) as caught:
        get(found)
    assert caught.value.code == "wrong_hash"
    assert found.installed(found.model("toy")) is None
    assert [name for name in leftovers(found) if "partial" not in name] == []


def test_a_damaged_model_is_seen_and_pulled_again(describe: Any, get: Getting, tmp_path: Path) -> None:
    (tmp_path / "at-hand").write_bytes(DATA)
    found = describe(f'path = "{tmp_path / "at-hand"}"')
    get(found)
    path = found.file(found.model("toy"))
    path.write_bytes(b"!" + DATA[1:])
    with pytest.raises(ConfigError) as caught:
        found.file(found.model("toy"))
    assert caught.value.hint == "slm-models pull toy"
    assert found.verify(found.model("toy"))[0]["problem"] == "damaged"
    assert get(found) is True
    path.touch()  # another time of change, the same bytes
    assert found.file(found.model("toy")) == path


def test_no_file_at_hand(describe: Any, get: Getting, tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        get(describe(f'path = "{tmp_path / "nothing"}"'))


def make_wheel(folder: Path, member: str = "toy_weights/toy.bin") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "toy_weights-1.0-py3-none-any.whl"
    info = "toy_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, DATA)
        wheel.writestr("toy_weights/__init__.py", "raise SystemExit('imported')")
        wheel.writestr("../../escape", "x")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


PACKAGE = 'package = "toy-weights", version = "1.0", member = "toy_weights/toy.bin"'


def test_a_wheel_by_the_users_own_pip_settings(
    describe: Any, get: Getting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(make_wheel(tmp_path / "mirror").parent))
    found = describe(PACKAGE)
    assert get(found)
    assert found.file(found.model("toy")).read_bytes() == DATA
    assert leftovers(found) == ["toy"]
    assert not list(tmp_path.rglob("escape"))
    with state.read() as tx:
        (row,) = audit.requests(tx)
    assert (row["method"], row["purpose"], row["outcome"]) == ("PIP", "model-pull", "done")


def test_a_package_that_is_not_there(
    describe: Any, get: Getting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(Unavailable, match=r"toy-weights==1\.0"):
        get(describe(PACKAGE))
    with pytest.raises(Unavailable, match="offline"):
        get(describe(PACKAGE), offline=True)


def test_a_wheel_at_hand(describe: Any, get: Getting, tmp_path: Path) -> None:
    found = describe(PACKAGE)
    with pytest.raises(DataError, match=r"no 'toy_weights/toy\.bin' inside"):
        get(found, given=make_wheel(tmp_path / "w", "toy_weights/other.bin"))
    assert get(found, given=make_wheel(tmp_path / "w"))
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"PK\x03\x04 nonsense")
    found.remove(found.model("toy"))
    with pytest.raises(DataError, match="not a sound wheel"):
        get(found, given=broken)


@pytest.fixture
def site() -> Iterator[Any]:
    """Serves DATA with ETag and Range; breaks off after so many bytes as often as told."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("range")
            server.asked.append(asked)
            start = int(asked[6:-1]) if asked and self.headers.get("if-range") == server.tag else 0
            body = server.data[start:]
            self.send_response(206 if start else 200)
            self.send_header("ETag", server.tag)
            self.send_header("Content-Length", str(len(body)))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{len(server.data)}")
            self.end_headers()
            if server.breaks:
                self.wfile.write(body[: server.breaks.pop(0)])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        tag, data = '"one"', DATA

    server: Any = Server(("127.0.0.1", 0), Handler)
    server.asked, server.breaks = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/toy.bin"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_download_goes_on_where_it_broke_off(describe: Any, get: Getting, site: Any) -> None:
    site.breaks = [1_000_000, 500_000]
    found = describe(f'url = "{site.url}"')
    counted: list[int] = []
    assert get(found, progress=counted.append)
    assert found.file(found.model("toy")).read_bytes() == DATA
    assert site.asked[0] is None
    assert len(site.asked) == 3
    assert all(asked.startswith("bytes=") for asked in site.asked[1:])
    assert sum(counted) == len(DATA)


def test_a_download_goes_on_in_the_next_run(describe: Any, get: Getting, site: Any) -> None:
    site.breaks = [300_000] * 5
    found = describe(f'url = "{site.url}"')
    with pytest.raises(RoadmapError, match="again and again"):
        get(found)
    assert get(found)
    assert site.asked[-1] == "bytes=1500000-"


def test_a_file_changed_on_the_server_starts_again_and_is_refused(describe: Any, get: Getting, site: Any) -> None:
    site.breaks = [300_000] * 5
    found = describe(f'url = "{site.url}"')
    with pytest.raises(RoadmapError):
        get(found)
    site.tag, site.data = '"two"', DATA[::-1]
    with pytest.raises(DataError) as caught:
        get(found)
    assert caught.value.code == "wrong_hash"


def test_several_at_once_fetch_once(describe: Any, tmp_path: Path, site: Any) -> None:
    describe(f'url = "{site.url}"')
    script = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC; from roadmap_cli.core import clock;"
        "from roadmap_cli.models import registry; from roadmap_cli.models.installing.pull import pull;"
        "from roadmap_cli.net.transport import Transport; from roadmap_cli.state.store import State, KeySource;"
        "e={'HOME':sys.argv[1]}; s=State.open(Path(sys.argv[1])/'s.db',mode='write',keys=KeySource(e,None),now=clock.system);"
        "r=registry.load(e); t=Transport(s,command='t',offline=False,now=clock.system);"
        "print(pull(r,r.model('toy'),transport=t,at=datetime.now(UTC),wait_s=60))"
    )
    source = str(Path(registry.__file__).parents[2])
    several = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], env={"PYTHONPATH": source}, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    said = sorted(process.communicate(timeout=60)[0].decode().strip() for process in several)
    assert said == ["False", "False", "False", "True"]
    assert len(site.asked) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_and_leaves_nothing(describe: Any, tmp_path: Path) -> None:
    from roadmap_cli.models.installing import fetch

    (tmp_path / "at-hand").write_bytes(DATA)
    found = describe(f'path = "{tmp_path / "at-hand"}"')
    target = tmp_path / "full"
    target.symlink_to("/dev/full")
    with pytest.raises(CannotCreate, match="No space left"):
        fetch.from_file(found.model("toy").files[0], tmp_path / "at-hand", target, lambda count: None)
    assert not target.is_symlink()


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "model = 3",
        "[model.x]\n",
        '[model."../x"]\nfile = [{name = "a", sources = [{path = "/a"}]}]',
        '[model.x]\nfile = [{name = "../a", sources = [{path = "/a"}]}]',
        '[model.x]\nfile = [{name = "a", sources = [{url = "http://x"}]}]',
        '[model.x]\nfile = [{name = "a", sha256 = "zz", sources = [{path = "/a"}]}]',
        '[model.x]\nfile = [{name = "a", sources = [{what = "/a"}]}]',
        '[endpoint.x]\nurl = "http://x"',
        '[endpoint.x]\nurl = 3\nmodel = "m"',
    ],
)
def test_a_models_file_that_is_none_says_where(environ: dict[str, str], text: str) -> None:
    path = Path(environ["HOME"]) / ".config/roadmap/models.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        registry.load(environ)
    assert str(path) in str(caught.value.where)
