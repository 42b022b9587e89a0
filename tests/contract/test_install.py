"""What is built is the same bytes for the same commit, and what is installed can be taken away and leaves what is yours."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import install  # noqa: E402
import sbom  # noqa: E402

#: What the commands need at the least: the other packages come with extras.
BASE = (
    "click", "rich", "pygments", "markdown-it-py", "mdurl", "orjson", "rfc8785", "sqlcipher3", "sqlite-vec", "sqlite-utils",
    "sqlite-fts4", "click-default-group", "tabulate", "python-dateutil", "pluggy", "pyrage", "httpx", "httpcore", "anyio", "idna",
    "h11", "certifi", "jsonschema", "jsonschema-specifications", "referencing", "rpds-py", "attrs", "typing-extensions", "pip",
)  # fmt: skip


def built(root: Path, folder: Path, umask: int = 0o022) -> Path:
    """The wheel of a checkout."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "1795864000"}
    subprocess.run(words, cwd=root, env=environ, check=True, capture_output=True, umask=umask)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation without any of the packages it needs: none is fetched."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "empty.lock").write_text("")
    assert install.install(folder / "d/opt/x", Path("/opt/x"), sys._base_executable, None, folder / "empty.lock") == 0
    return folder / "d/opt/x"


@pytest.fixture
def prefix(installed: Path, tmp_path: Path) -> Path:
    """A copy of it to work on."""
    return Path(shutil.copytree(installed, tmp_path / "d/opt/x", symlinks=True))


def test_the_wheel_carries_all_that_the_commands_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        scripts = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    data = f"{wheel.name.partition('-py3')[0]}.data/data/share"
    source = ROOT / "src"
    needed = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    needed |= {f"{data}/man/{path.relative_to(ROOT / 'man')}" for path in ROOT.glob("man/man?/*")}
    for shell, place in (
        ("bash", "bash-completion/completions"),
        ("zsh", "zsh/site-functions"),
        ("fish", "fish/vendor_completions.d"),
    ):
        needed |= {f"{data}/{place}/{path.name}" for path in (ROOT / "completions" / shell).iterdir()}
    assert needed - names == set()
    assert {name for name in names if "/tests/" in name or name.endswith((".pyc", ".lock", ".env"))} == set()
    assert set(re.findall(r"^([a-z-]+) = ", scripts, re.M)) == set(install.commands())


def test_the_wheel_is_the_same_bytes_in_another_folder_at_another_time(wheel: Path, tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("no git checkout")
    other = tmp_path / "elsewhere"
    for name in listed.stdout.strip("\0").split("\0"):
        if (
            name.startswith(("src/", "man/", "completions/", "share/", "examples/", "pyproject", "README", "LICENSE"))
            and (ROOT / name).is_file()
        ):
            (other / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, other / name)
            os.utime(other / name, (1_000_000_000, 1_000_000_000))
    again = built(other, tmp_path / "out", umask=0o077)
    assert hashlib.sha256(again.read_bytes()).hexdigest() == hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_an_installation_lies_where_it_should_and_knows_its_last_place(installed: Path) -> None:
    prefix = installed
    for name in install.commands():
        link = prefix / "bin" / name
        assert str(link.readlink()) == f"../lib/roadmap-cli/bin/{name}"
        assert link.resolve().read_text().startswith("#!/opt/x/lib/roadmap-cli/bin/python")
        for page in (f"man/man1/{name}.1", f"bash-completion/completions/{name}", f"zsh/site-functions/_{name}"):
            assert (prefix / "share" / page).is_file()
    assert list((prefix / "share/man/man7").iterdir())
    kept = prefix / "share/doc/roadmap-cli/examples"
    for name in (
        "bikes.mp4",
        "prompts.jsonl",
        "fix-the-parser/formula.py",
        "wf/alertmanager.json",
        "life/calendar.ics",
    ):
        assert (kept / name).read_bytes() == (ROOT / "examples" / name).read_bytes()
    written = [path for path in prefix.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in written if path.suffix == ".pyc"] == []
    assert [path for path in written if str(installed.parents[1]).encode() in path.read_bytes()] == []


def test_uninstall_takes_what_it_brought_and_nothing_else(prefix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = [prefix / "bin/my-script", prefix / "share/man/man1/mine.1", prefix / "lib/other/file"]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    assert install.uninstall(prefix) == 0
    assert sorted(path for path in prefix.rglob("*") if not path.is_dir()) == sorted(mine)
    assert "What you keep is where it was: the state" in capsys.readouterr().out
    assert install.uninstall(prefix) == 1


def test_what_to_do_next_is_said_and_the_path_only_where_it_is_needed() -> None:
    said = install.installed(Path("/opt/x"), "/usr/bin:/bin")
    assert "PATH=/opt/x/bin:$PATH" in said
    assert "/opt/x/share/doc/roadmap-cli/examples" in said
    assert "PATH=" not in install.installed(Path("/opt/x"), "/opt/x/bin:/bin")


def test_nothing_is_removed_by_a_manifest_that_was_changed(prefix: Path) -> None:
    (prefix.parent / "precious").write_text("x")
    manifest = prefix / "lib/roadmap-cli/MANIFEST"
    manifest.write_text(f"../precious\n{manifest.read_text()}")
    assert install.uninstall(prefix) == 1
    assert (prefix.parent / "precious").exists()
    assert (prefix / "bin/slm-run").is_symlink()


def test_what_somebody_else_put_there_is_left(tmp_path: Path) -> None:
    (tmp_path / "lib/roadmap-cli").mkdir(parents=True)
    (tmp_path / "lib/roadmap-cli/theirs").write_text("x")
    assert install.install(tmp_path, tmp_path, sys.executable, None, tmp_path / "none") == 1
    assert (tmp_path / "lib/roadmap-cli/theirs").exists()


def test_every_pinned_package_may_be_imported_and_stands_in_the_bill_of_materials() -> None:
    packages = list(sbom.pinned((ROOT / "requirements-run.lock").read_text()))
    assert len(packages) > 50
    assert [f"{each.name} {why}" for each in packages if (why := sbom.refused(each))] == []
    listed = json.loads((ROOT / "sbom.cdx.json").read_text())["components"]
    assert {(each.name, each.version) for each in packages} <= {(each["name"], each["version"]) for each in listed}
    for licence in ("GPL-3.0-only", "MIT AND GPL-2.0-or-later", "AGPL-3.0", "LGPL-3.0-only", ""):
        assert sbom.refused(sbom.Package("somebody", "1", "", licence)), licence
    assert not sbom.refused(sbom.Package("somebody", "1", "", "GPL-2.0 OR MIT"))


def test_the_bill_of_materials_is_up_to_date_and_sound() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools/sbom.py", "--check"], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tools'}"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str((ROOT / "sbom.cdx.json").read_text()) is None


def test_every_lock_pins_by_hash() -> None:
    for profile in ("run", "dev", "build"):
        text = (ROOT / f"requirements-{profile}.lock").read_text()
        blocks = re.findall(r"^\S.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+", text, re.M)
        assert len(blocks) == len(re.findall(r"^\S", text, re.M)), profile


# -- with a package index ----------------------------------------------------------------------------------------------


def locked(folder: Path) -> Path:
    """A lock of the base packages, with the hashes of the real one."""
    text = (ROOT / "requirements-run.lock").read_text()
    blocks = {found[1]: found[0] for found in re.finditer(r"^([a-z0-9][\w.-]*)==.*?(?=^\S|\Z)", text, re.M | re.S)}
    path = folder / "base.lock"
    path.write_text("".join(blocks[name] for name in BASE))
    return path


def used(program: Path, home: Path) -> None:
    """Commands at work: a record held against its schema, and one written into the state."""
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    told = b'{"kind":"error","id":"e_1","at":"2026-11-23T09:00:00.000Z","code":"x"}\n'
    done = subprocess.run(
        [program / "roadmap-schema", "validate"], input=told, env=environ, capture_output=True, check=False
    )
    assert (done.returncode, json.loads(done.stdout)["kind"]) == (1, "roadmap.schema_problem")
    done = subprocess.run(
        [program / "roadmap-permit", "add", "x.example", "--purpose", "sync"],
        env=environ,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["kind"] == "net.permission"


@pytest.mark.slow
def test_an_installation_works_and_leaves_the_state_behind(tmp_path: Path) -> None:
    place, home = tmp_path / "p", tmp_path / "home"
    home.mkdir()
    words = [sys.executable, ROOT / "tools/install.py"]
    subprocess.run([*words, "install", "--prefix", place, "--lock", locked(tmp_path)], check=True)
    used(place / "bin", home)
    subprocess.run(
        [*words, "install", "--prefix", place, "--lock", locked(tmp_path)], check=True
    )  # a newer one over it
    used(place / "bin", home)
    subprocess.run([*words, "uninstall", "--prefix", place], check=True)
    assert not place.exists() or not any(place.iterdir())
    assert (home / ".local/state/roadmap/state.db").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "pipx", "uv"])
def test_the_wheel_installs_with(tool: str, wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environ = {**os.environ, "HOME": str(home), "PIPX_HOME": str(home / "pipx"), "PIPX_BIN_DIR": str(home / "bin"),
               "PIPX_MAN_DIR": str(home / "man"), "UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "bin")}  # fmt: skip
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    if tool != "pip":
        subprocess.run([venv / "bin/pip", "install", "--quiet", tool], check=True)
    words = {"pip": [venv / "bin/pip", "install", "--quiet", wheel], "pipx": [venv / "bin/pipx", "install", wheel],
             "uv": [venv / "bin/uv", "tool", "install", "--python", sys.executable, wheel]}[tool]  # fmt: skip
    subprocess.run(words, check=True, env=environ, capture_output=True)
    used(venv / "bin" if tool == "pip" else home / "bin", home)
    pages = {"pip": venv / "share/man", "pipx": home / "man", "uv": home / "tools/roadmap-cli/share/man"}[tool]
    assert (pages / "man1/slm-run.1").is_file()
    assert (pages / "man7/roadmap.7").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("dpkg-deb") or not Path("/usr/bin/python3").exists(), reason="no Debian here")
@pytest.mark.timeout(1800)
def test_the_debian_package(tmp_path: Path) -> None:
    words = [sys.executable, ROOT / "tools/debian.py", "--lock", locked(tmp_path)]
    environ = {
        **os.environ,
        "HOME": str(tmp_path),
        "SOURCE_DATE_EPOCH": "1795864000",
    }  # without llama.cpp: it takes long to pack
    made = []
    for number in range(2):
        subprocess.run([*words, "--output", tmp_path / str(number)], check=True, capture_output=True, env=environ)
        made.append(next((tmp_path / str(number)).glob("*.deb")))
    assert made[0].read_bytes() == made[1].read_bytes()
    root = tmp_path / "root"
    subprocess.run(["dpkg-deb", "-x", made[0], root], check=True)
    for name in ("bin/slm-run", "share/man/man1/slm-run.1.gz", "share/bash-completion/completions/slm-run", "share/zsh/vendor-completions/_slm-run",
                 "share/fish/vendor_completions.d/slm-run.fish", "lib/systemd/user/slm-queue.timer", "share/doc/roadmap-cli/copyright",
                 "share/doc/roadmap-cli/examples/bikes.mp4"):  # fmt: skip
        assert os.path.lexists(root / "usr" / name), name
    control = subprocess.run(["dpkg-deb", "-f", made[0]], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^Depends: python3 \(>= 3\.\d+\), python3 \(<< 3\.\d+\)", control, re.M)
    if shutil.which("lintian"):
        done = subprocess.run(["lintian", "--fail-on", "error", made[0]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
