"""slm-serve as programs and commands meet it: real models, real clients, processes that are killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import serving
import transcripts
from serving import ROOT, TOKEN, Running, alive, cpu_seconds, running, switches, wait_until

MODEL = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    home = tmp_path_factory.mktemp("serve")
    home.chmod(0o700)
    (home / "tmp").mkdir()
    return transcripts.world(home), home


@pytest.fixture(scope="module")
def server(place) -> Iterator[Running]:
    """One server for the tests that only ask."""
    world, home = place
    with running(world, home, "--queue", "2", "--context-size", "2048", port=True) as found:
        yield found


# -- the OpenAI interface ----------------------------------------------------------------------------------------------


@pytest.fixture
def client(server):
    openai = pytest.importorskip("openai", reason="the openai client is not installed")
    with openai.OpenAI(base_url=server.url, api_key=TOKEN, max_retries=0) as found:
        yield found


def test_the_openai_client_chats_streams_completes_and_lists(client):
    messages = [{"role": "user", "content": "Say hello."}]
    reply = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=6, temperature=0)
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason in ("length", "stop")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    stream = client.chat.completions.create(
        model=MODEL, messages=messages, max_tokens=6, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == reply.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == reply.usage.completion_tokens
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_the_openai_client_gets_json_of_a_shape(client):
    schema = {
        "type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"],
        "additionalProperties": False,
    }  # fmt: skip
    reply = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Is water wet?"}], max_tokens=40, temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}},
    )  # fmt: skip
    assert json.loads(reply.choices[0].message.content)["answer"] in ("yes", "no")


def test_the_openai_client_gets_vectors(client):
    made = client.embeddings.create(model="all-minilm-l6-v2", input=["a cat", "a kitten", "the stock exchange"])
    cat, kitten, stocks = [item.embedding for item in made.data]
    assert len(cat) == 384
    assert sum(a * b for a, b in zip(cat, kitten, strict=True)) > sum(a * b for a, b in zip(cat, stocks, strict=True))
    floats = client.embeddings.create(model="all-minilm-l6-v2", input="a cat", encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(cat, abs=1e-6)


def test_what_the_openai_client_is_told_of_errors(client):
    import openai

    messages = [{"role": "user", "content": "x"}]
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-9", messages=messages)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 4000}])
    assert long.value.code == "context_length_exceeded"
    for more in ({"n": 2}, {"tools": [{"type": "function", "function": {"name": "f"}}]}, {"presence_penalty": 1}):
        with pytest.raises(openai.BadRequestError, match="not supported"):
            client.chat.completions.create(model=MODEL, messages=messages, **more)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=client.base_url, api_key="wrong", max_retries=0).models.list()


def test_llm_uses_it_unchanged(server, tmp_path):
    llm = ROOT / ".venv/bin/llm"
    if not llm.exists():
        pytest.skip("llm is not installed")
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: warm\n  model_name: {MODEL}\n  api_base: {server.url}\n  api_key_name: slm\n"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"slm": TOKEN}))
    done = subprocess.run(
        [llm, "-m", "warm", "-o", "max_tokens", "5", "Say hello."], env={**server.world, "LLM_USER_PATH": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_port_is_for_this_machine_and_those_who_know_the_token(server):
    import http.client

    def ask(headers, path="/v1/models"):
        host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert ask(bearer)[0] == 200
    assert ask({})[0] == 401
    assert ask({**bearer, "Host": "evil.example"})[0] == 403, "a name that points here is not ours"
    assert ask({}, "/health") == (200, b'{"status":"ok"}')
    assert ask(bearer, "/slm/status")[0] == 404, "steering is for the user's socket"


# -- one server for all commands ---------------------------------------------------------------------------------------


def test_commands_use_it_by_themselves_and_it_writes_their_calls(server, shell):
    before = server.model().get("loads_count", 0)
    done = shell(["slm-run", "--text", "--max-tokens", "3", "--temperature", "0"], b"Say hello.\n", env=server.world)
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout)
    assert server.model()["loads_count"] >= max(before, 1)
    rows = shell(
        ["roadmap-state", "query", f"select command, run_id, finish from model_call where id = '{reply['call_id']}'"],
        env=server.world,
    )
    row = json.loads(rows.stdout)["row"]
    assert row["command"] == "slm-run"
    assert row["run_id"].startswith("slm_")
    local = shell(
        ["slm-run", "--text", "--max-tokens", "3", "--temperature", "0"], b"Say hello.\n",
        env={**server.world, "ROADMAP_WARM": "never"},
    )  # fmt: skip
    assert json.loads(local.stdout)["text"] == reply["text"]


def test_a_command_with_another_state_does_not_use_it(server, shell, tmp_path):
    done = shell(
        ["slm-run", "--text", "--max-tokens", "1", "--state", str(tmp_path / "other.db")], b"Hello\n", env=server.world
    )
    assert done.returncode == 0, done.stderr
    call = json.loads(done.stdout)["call_id"]
    there = shell(["roadmap-state", "query", f"select id from model_call where id = '{call}'"], env=server.world)
    assert call.encode() not in there.stdout


def test_a_failure_reaches_the_command_as_it_would_without_a_server(server, shell):
    line = json.dumps({"prompt": "word " * 4000}).encode() + b"\n"
    warm = shell(["slm-run", "--on-error", "emit"], line, env=server.world)
    assert (warm.returncode, json.loads(warm.stdout)["code"]) == (3, "prompt_too_long")


def test_a_command_at_a_warm_server_imports_next_to_nothing_and_opens_no_state(server):
    probe = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n"
        "from roadmap_cli.commands.slm.run import main\n"
        "code = main(['--text', '--max-tokens', '1'])\n"
        "sys.stderr.write(repr([code, sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-P", "-c", probe],
        input=b"Hello\n",
        env=server.world,
        capture_output=True,
        check=True,
    )
    code, modules = eval(done.stderr)
    assert code == 0
    heavy = {
        "httpx",
        "asyncio",
        "sqlcipher3",
        "pyrage",
        "llama_cpp",
        "numpy",
        "tomllib",
        "subprocess",
        "socket",
        "secrets",
    }
    assert not heavy & set(modules)


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b'{"messages":[{"role":"user","content":"\xff\xfe"}]}', 400, "not UTF-8"),
        (b'{"messages":[{"role":"user","content":"\\ud800"}]}', 400, "surrogate"),
        (b"[]", 400, "not a JSON object"),
        (b'{"messages":[]}', 400, "no messages"),
        (b'{"messages":[{"role":"user","content":" "}]}', 400, "empty"),
        (b'{"messages":[{"role":"robot","content":"x"}]}', 400, "robot"),
        (b'{"messages":[{"role":"user","content":"x"}],"temperature":9}', 400, "temperature"),
        (b'{"messages":[{"role":"user","content":"x"}],"max_tokens":0}', 400, "max_tokens"),
        (b'{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema"}}', 400, "schema"),
        (b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}', 400, "image_url"),
    ],
)
def test_a_bad_body_is_refused_by_name(server, body, status, words):
    got, value, _ = server.request("POST", "/v1/chat/completions", body)
    assert got == status
    assert words in value["error"]["message"]


def test_a_prompt_of_ten_megabytes_is_refused_and_the_server_goes_on(server):
    status, value = server.chat("many words " * 1_000_000)
    assert (status, value["error"]["code"]) == (400, "context_length_exceeded")
    assert server.chat()[0] == 200


def test_what_is_no_http_ends_only_its_own_connection(server):
    for junk in (
        b"\0\1\2\3\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        connection = server.raw()
        connection.sendall(junk)
        assert connection.recv(1 << 16)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 505")
        connection.close()
    connection = server.raw()
    connection.sendall(
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    answer = b""
    while piece := connection.recv(1 << 16):
        answer += piece
    assert answer.count(b'{"status":"ok"}') == 2


def test_weights_that_are_none_or_cut_off_or_of_an_unknown_kind_are_refused(server, tmp_path):
    whole = next((Path(server.world["ROADMAP_MODELS"]) / MODEL).glob("*.gguf")).read_bytes()
    cases = {
        "none": b"not a model",
        "cut": whole[:1_000_000],
        "kind": whole[:200_000].replace(b"llama", b"lambo") + whole[200_000:],
    }
    for name, content in cases.items():
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(content)
        status, value = server.chat(model=str(path))
        assert status in (400, 503), value
        assert value["error"]["message"]
    assert server.chat()[0] == 200


def test_a_model_that_can_never_fit_is_refused_before_anything_goes(server, tmp_path):
    huge = tmp_path / "huge.gguf"
    with huge.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(1 << 42)
    assert server.chat()[0] == 200
    loads = server.model()["loads_count"]
    status, value = server.chat(model=str(huge))
    assert (status, value["error"]["code"]) == (400, "model_too_large")
    assert server.model()["loads_count"] == loads
    assert server.model()["state"] == "ready"


# -- who goes away, and who waits --------------------------------------------------------------------------------------


def _stream(server: Running, tokens: int = 1500) -> socket.socket:
    connection = server.raw()
    body = json.dumps(
        {"messages": [{"role": "user", "content": "Tell a long story."}], "max_tokens": tokens, "stream": True,
         "temperature": 0.8, "seed": 1}
    ).encode()  # fmt: skip
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_a_client_that_goes_away_stops_its_reply(server):
    connection = _stream(server)
    assert b"data:" in connection.recv(1 << 16) + connection.recv(1 << 16)
    assert server.model()["requests_count"] == 1
    connection.close()
    wait_until(lambda: server.model()["requests_count"] == 0, 10)
    metrics = server.request("GET", "/metrics")[1]
    assert "slm_cancelled_total 0" not in metrics


def test_too_many_are_told_to_come_back(server):
    server.chat()
    width = 64 + 2
    connections, refused = [], []
    try:
        for _ in range(width):
            connection = _stream(server, 400)
            connections.append(connection)
            connection.settimeout(0.05)
            try:
                head = connection.recv(1 << 16)
            except TimeoutError:
                continue
            if b" 429 " in head.split(b"\r\n")[0]:
                refused.append(head)
                break
    finally:
        for connection in connections:
            connection.close()
    assert refused
    assert b"retry-after: 1" in refused[0].lower()
    wait_until(lambda: server.model()["requests_count"] == 0, 30)
    assert server.chat()[0] == 200


def test_a_model_whose_process_is_killed_costs_one_error_and_comes_back(server):
    server.chat()
    first = server.model()["pid"]
    connection = _stream(server)
    connection.recv(1 << 16)
    os.kill(first, signal.SIGKILL)
    rest = b""
    while b"model_crashed" not in rest:
        piece = connection.recv(1 << 16)
        assert piece, rest
        rest += piece
    connection.close()
    status, value = server.chat()
    assert status == 200, value
    assert server.model()["pid"] != first
    assert b"ended" in server.errors.read_bytes()


def test_metrics_are_what_prometheus_reads(server):
    status, text, headers = server.request("GET", "/metrics")
    assert (status, headers["content-type"].startswith("text/plain")) == (200, True)
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            float(value)
            assert name[0].isalpha()
    assert f'slm_model_ready{{model="{MODEL}"}}' in text


# -- its own life ------------------------------------------------------------------------------------------------------


def test_what_was_worked_out_survives_an_unload_and_the_server_and_is_never_in_the_clear(world, home):
    sentinel = "XYLOPHONE-SENTINEL-77"
    conversation = [{"role": "user", "content": f"Remember {sentinel}. " + "The tide rises and falls. " * 30}]
    body = {"messages": conversation, "max_tokens": 4, "temperature": 0}
    with running(world, home) as server:
        first = server.request("POST", "/v1/chat/completions", body)[1]
        reply = first["choices"][0]["message"]["content"]
        following = {
            **body,
            "messages": [*conversation, {"role": "assistant", "content": reply}, {"role": "user", "content": "Go on."}],
        }
        assert server.request("POST", "/slm/unload", {})[0] == 200
        second = server.request("POST", "/v1/chat/completions", following)[1]
        assert second["usage"]["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["prompt_tokens"] - 20
    with running(world, home) as server:
        third = server.request("POST", "/v1/chat/completions", following)[1]
        usage = third["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] >= usage["prompt_tokens"] - 60
        assert third["choices"][0]["message"]["content"] == second["choices"][0]["message"]["content"]
    kept = list((home / ".cache/roadmap/slm-serve").rglob("*.kv"))
    assert kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert sentinel.encode() not in content, path
            assert b"tide rises" not in content, path


def test_the_children_die_with_it_and_are_offered_to_the_kernel_first(world, home):
    server = Running(world, home=home)
    server.chat()
    pid = server.model()["pid"]
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "500"
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not alive(pid), 5)
    assert Path(server.path).exists(), "a stale socket is left"
    with running(world, home) as again:
        assert again.request("GET", "/health")[0] == 200
    assert not Path(server.path).exists()


def test_a_second_server_is_refused_and_a_stop_lets_replies_finish(world, home, shell):
    with running(world, home) as server:
        second = shell(["slm-serve", "start"])
        assert second.returncode == 75
        assert b"another slm-serve is there already" in second.stderr
        server.chat()
        found: list[bytes] = []

        def read() -> None:
            connection = _stream(server, 60)
            while piece := connection.recv(1 << 16):
                found.append(piece)

        reader = threading.Thread(target=read)
        reader.start()
        wait_until(lambda: found)
        assert server.stop() == 0
        reader.join(30)
        assert b"[DONE]" in b"".join(found)


def test_an_idle_server_does_nothing(world, home):
    """Three seconds without one wake-up: what happens once, as when memory gets short elsewhere, may come before."""

    def looked(server, child):
        busy = cpu_seconds(server.process.pid) + cpu_seconds(child)
        return switches(server.process.pid), switches(child), busy

    with running(world, home) as server:
        server.chat()
        child = server.model()["pid"]
        time.sleep(4)  # until the state is let go
        for _ in range(6):
            before = looked(server, child)
            time.sleep(3)
            after = looked(server, child)
            if after[:2] == before[:2]:
                break
    assert after[0] - before[0] == 0, "the server woke up"
    assert after[1] - before[1] == 0, "the model's process woke up"
    assert after[2] - before[2] <= 0.003


def test_the_state_is_free_while_nothing_is_asked(world, home, shell):
    with running(world, home) as server:
        server.chat()
        time.sleep(4)
        done = shell(["roadmap-keys", "rekey", "--wait", "1"])
        assert done.returncode == 0, done.stderr
        assert server.chat()[0] == 200


def test_a_full_disk_costs_what_was_to_be_kept_and_nothing_else(world, home):
    cache = home / ".cache"
    cache.mkdir(exist_ok=True)
    if os.getuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root to make a small file system")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", cache], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no small file system: {made.stderr.decode().strip()}")
    try:
        with running(world, home) as server:
            server.chat("The tide rises and falls. " * 40)
            assert server.request("POST", "/slm/unload", {})[0] == 200
            assert b"could not be kept: no space left on device" in server.errors.read_bytes()
            assert not list(cache.rglob("*.part"))
            assert server.chat()[0] == 200
    finally:
        subprocess.run(["umount", cache], check=True)


def test_systemd_can_hand_over_the_sockets(world, home):
    own, port = socket.socket(socket.AF_UNIX), socket.socket()
    path = home / "handed.sock"
    own.bind(str(path))
    own.listen()
    port.bind(("127.0.0.1", 0))
    port.listen()
    start = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
        " os.environ['LISTEN_PID'] = str(os.getpid()); os.environ['LISTEN_FDS'] = '2';"
        f" os.execv('{ROOT}/bin/slm-serve', ['slm-serve', 'start', '--json', '--no-auth', '--no-preload'])"
    )
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(home / "notify"))
    told.settimeout(30)
    process = subprocess.Popen(
        [ROOT / ".venv/bin/python", "-c", start, str(own.fileno()), str(port.fileno())],
        env={**world, "NOTIFY_SOCKET": str(home / "notify")}, pass_fds=(own.fileno(), port.fileno()),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    try:
        record = json.loads(process.stdout.readline())
        assert record["url"] == f"http://127.0.0.1:{port.getsockname()[1]}/v1"
        assert told.recv(100) == b"READY=1"
        asked = serving.connected(path, 60)
        asked.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'{"status":"ok"}' in asked.recv(4096)
        asked.close()
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()
    assert path.exists(), "a socket that was handed over is not ours to remove"
    for each in (own, port, told):
        each.close()


def test_unused_models_go_after_the_time_that_was_said_and_why_is_written_down(world, home, shell):
    with running(world, home, "--ttl", "0.5") as server:
        server.chat()
        wait_until(lambda: server.model()["state"] == "cold", 10)
        assert serving.alive(server.process.pid)
    asked = shell(
        ["roadmap-state", "query", "select id, what, why from decision where decision = 'slm.eviction_chosen'"]
    )
    decision = json.loads(asked.stdout)["row"]
    assert decision["why"] == "not used for 0.5 s"
    chain = shell(["roadmap-why", decision["id"]])
    kinds = [json.loads(line)["kind"] for line in chain.stdout.splitlines()]
    assert kinds == ["why.decision", "slm.memory_seen"]


def test_what_is_used_each_morning_is_there_before_it_is_asked_for(world, home, shell):
    from datetime import UTC, datetime, timedelta

    from roadmap_cli.core import clock
    from roadmap_cli.slm.serve import usage
    from roadmap_cli.state.keys import KeySource
    from roadmap_cli.state.store import State

    monday = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # the time that ROADMAP_NOW tells the server
    with State.open(
        home / ".local/state/roadmap/state.db", mode="write", keys=KeySource(world), now=clock.system
    ) as state, state.write() as tx:  # fmt: skip
        for days in (3, 4, 5, 6, 7):
            usage.note(tx, MODEL, monday - timedelta(days=days) + timedelta(minutes=5))
    process = subprocess.Popen(
        [ROOT / "bin/slm-serve", "start", "--json"], env=world, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    try:
        process.stdout.readline()

        def ready() -> bool:
            done = shell(["slm-serve", "status"])
            return any(
                json.loads(line).get("name") == MODEL and json.loads(line)["state"] == "ready"
                for line in done.stdout.splitlines()
            )

        wait_until(ready, 60)
        asked = shell(["slm-run", "--text", "--max-tokens", "1"], b"Good morning.\n")
        assert asked.returncode == 0, asked.stderr
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
    rows = shell(
        [
            "roadmap-state",
            "query",
            "select why, (select outcome from outcome where decision_id = id) as outcome from decision where decision = 'slm.preload_chosen'",
        ]
    )
    row = json.loads(rows.stdout)["row"]
    assert "working days" in row["why"]
    assert row["outcome"] == "used"
