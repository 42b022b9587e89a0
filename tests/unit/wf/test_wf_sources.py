"""Reading what sources send and have: identities, positions, proofs, and bytes from strangers."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf import events, sources
from roadmap_cli.wf.listening import dead
from roadmap_cli.wf.sources import (
    Access,
    Dead,
    cron,
    files,
    jira_poll,
    mailbox,
    prometheus,
    proofs,
    slack,
    slack_socket,
)
from roadmap_cli.wf.sources import settings as configuration
from roadmap_cli.wf.sources.settings import Setting

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SLACK = {
    "token": "old", "team_id": "T1", "type": "event_callback", "event_id": "Ev1", "event_time": 1795424400,
    "event": {"type": "message", "channel": "C1", "user": "U1", "text": "disk full on db-1"},
}  # fmt: skip
JIRA = {"webhookEvent": "jira:issue_updated", "timestamp": 1795424400000, "issue": {"key": "OPS-7", "id": "7"}}
GRAFANA = {
    "version": "1", "orgId": 1, "receiver": "r", "status": "firing", "truncatedAlerts": 2,
    "alerts": [{"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-11-23T08:00:00Z", "fingerprint": "f"}],
}  # fmt: skip


class World:
    """A time that can be set, and no network."""

    def __init__(self) -> None:
        self.moment = NOW
        self.transport: Any = None
        self.access = Access(self.transport, lambda: self.moment)


@pytest.fixture
def world_() -> World:
    return World()


def read(source: str, body: Any, **headers: str) -> list[Record]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return sources.webhook(source).read(data, {key.replace("_", "-"): value for key, value in headers.items()}, NOW)


# -- webhooks ----------------------------------------------------------------------------------------------------------


def test_a_slack_event_is_the_same_by_webhook_socket_and_repeat() -> None:
    [event] = read("slack", SLACK)
    [again] = read("slack", SLACK, x_slack_retry_num="1", x_slack_retry_reason="http_timeout")
    envelope = {"type": "events_api", "envelope_id": "e1", "payload": SLACK}
    socket, name = slack_socket.from_envelope(envelope, NOW)
    assert event["id"] == again["id"] == events.named([socket])[0]["id"]
    assert (event["type"], event["subject"], event["at"]) == ("slack.message", "C1", "2026-11-23T09:00:00.000Z")
    assert again["attributes"] == {"retrynum": 1, "retryreason": "http_timeout"}
    assert name == "e1"
    assert "token" not in event["data"]
    assert read("slack", {"type": "url_verification", "challenge": "c", "token": "t"}) == []
    assert slack.challenge(b'{"type": "url_verification", "challenge": "c"}') == "c"


def test_slack_commands_and_interactions_are_forms() -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    fields = {
        "command": "/deploy",
        "text": "shop 4.2",
        "trigger_id": "13.1",
        "team_id": "T1",
        "response_url": "https://x",
    }
    [event] = read("slack", urlencode(fields).encode(), **form)
    assert (event["type"], event["subject"]) == ("slack.command", "/deploy")
    assert "response_url" not in event["data"]
    pressed = {"type": "block_actions", "trigger_id": "9", "team": {"id": "T1"}, "user": {"id": "U1"}}
    [event] = read("slack", urlencode({"payload": json.dumps(pressed)}).encode(), **form)
    assert (event["type"], event["subject"]) == ("slack.interaction.block_actions", "U1")


def test_jira_and_grafana_webhooks() -> None:
    [event] = read("jira", JIRA, x_atlassian_webhook_identifier="w1")
    [again] = read("jira", {**JIRA, "more": 1}, x_atlassian_webhook_identifier="w1")
    assert event["id"] == again["id"]
    assert (event["type"], event["subject"], event["at"]) == ("jira.issue_updated", "OPS-7", "2026-11-23T09:00:00.000Z")
    [alert] = read("grafana", GRAFANA)
    assert (alert["type"], alert["source"], alert["data"]["truncated_alerts_count"]) == (
        "grafana.alert.firing", "grafana", 2,
    )  # fmt: skip


def test_cloud_events_come_in_three_modes_and_go_out_as_they_came() -> None:
    body = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "build", "data": {"n": 1}, "traceparent": "00-x"}
    [structured] = read("webhook", body, content_type="application/cloudevents+json; charset=utf-8")
    [batched] = read("webhook", [body], content_type="application/cloudevents-batch+json")
    [binary] = read(
        "webhook", {"n": 1}, content_type="application/json", ce_specversion="1.0", ce_id="1", ce_source="/ci",
        ce_type="build",
    )  # fmt: skip
    assert structured["id"] == batched["id"] == binary["id"]
    assert binary["data"] == {"n": 1}
    out = events.cloud_event(structured)
    assert (out["traceparent"], out["source"], out["time"]) == ("00-x", "/ci", structured["at"])
    assert read("webhook", out, content_type="application/cloudevents+json")[0]["id"] == structured["id"]
    [raw] = read(
        "webhook", b"\x00\xff", content_type="image/png", ce_specversion="1.0", ce_id="2", ce_source="s", ce_type="t"
    )
    assert events.cloud_event(raw)["data_base64"] == base64.b64encode(b"\x00\xff").decode()


def test_objects_say_when_they_happened() -> None:
    told = [read("webhook", {"type": "x", key: "2026-11-23T08:30:00+01:00"})[0]["at"] for key in ("time", "timestamp")]
    assert set(told) == {"2026-11-23T07:30:00.000Z"}
    assert read("webhook", {"time": "half past T"})[0]["at"] == clock.stamp(NOW)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**70), 2**70) | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@some.composite
def changed(draw: Any, whole: Any) -> Any:
    """A body with one of its values, at any depth, put for another."""
    copy = json.loads(json.dumps(whole))
    at: Any = copy
    while True:
        keys: list[Any] = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = draw(some.sampled_from(keys))
        if isinstance(at[key], (dict, list)) and at[key] and draw(some.booleans()):
            at = at[key]
            continue
        at[key] = draw(JSON)
        return copy


BODIES = {
    "slack": SLACK, "jira": JIRA, "grafana": GRAFANA,
    "alertmanager": {**GRAFANA, "version": "4"},
    "webhook": {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "time": "2026-11-23T08:00:00Z", "data": {}},
}  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(data=some.data())
def test_nothing_but_a_data_error_leaves_a_reader_of_webhooks(data: Any) -> None:
    name = data.draw(some.sampled_from(sorted(BODIES)))
    body = data.draw(
        some.binary(max_size=60) | JSON.map(lambda each: json.dumps(each).encode())
        | changed(BODIES[name]).map(lambda each: json.dumps(each).encode())
    )  # fmt: skip
    header = some.text(max_size=12) | some.sampled_from(
        ["application/x-www-form-urlencoded", "application/cloudevents-batch+json", "1.0", "application/json"]
    )
    headers = data.draw(some.dictionaries(some.sampled_from(sources.webhook(name).HEADERS or ("x",)), header))
    try:
        found = sources.webhook(name).read(body, headers, NOW)
    except DataError:
        return
    for each in found:
        assert each["kind"] == "wf.event"
        assert each["id"].startswith("wf_")
        events.checked(each)


@settings(max_examples=150, deadline=None)
@given(data=some.data())
def test_nothing_but_a_data_error_leaves_a_reader_of_answers(data: Any) -> None:
    alerts = {
        "status": "success",
        "data": {"alerts": [{"labels": {"alertname": "A"}, "state": "firing", "activeAt": "2026-11-23T08:00:00.1Z"}]},
    }
    issue = {"id": "7", "key": "OPS-7", "fields": {"updated": "2026-11-23T08:00:00.000+0000", "created": "x"}}
    envelope = {"type": "events_api", "envelope_id": "e", "payload": SLACK, "retry_attempt": 1}
    for read_one, whole in (
        (lambda body: prometheus.changed(body, {"firing": data.draw(JSON)}, NOW), alerts),
        (lambda body: jira_poll.from_issue(body, "h", NOW), issue),
        (lambda body: slack_socket.from_envelope(body, NOW), envelope),
    ):
        with contextlib.suppress(DataError):
            read_one(data.draw(changed(whole)))


@settings(max_examples=100, deadline=None)
@given(data=some.binary(max_size=400), head=some.text(max_size=40))
def test_every_mail_is_an_event_that_can_be_stored(data: bytes, head: str) -> None:
    import orjson

    for body in (data, f"Subject: {head}\r\nFrom: a@b\r\n\r\n".encode("utf-8", "surrogatepass") + data):
        event = events.named([mailbox.from_mail(body, "INBOX", None, NOW)])[0]
        orjson.dumps(event)
        assert event["type"] == "mail.received"


# -- proofs ------------------------------------------------------------------------------------------------------------


def test_slacks_own_library_signs_what_we_take_and_takes_what_we_sign() -> None:
    signature = pytest.importorskip("slack_sdk.signature")
    body, stamp = json.dumps(SLACK), str(int(NOW.timestamp()))
    theirs = signature.SignatureVerifier("s3cret", signature.Clock())
    made = theirs.generate_signature(timestamp=stamp, body=body)
    proof = proofs.Slack(b"s3cret")
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": made}
    assert proof.check(headers, body.encode(), NOW) is None
    assert proof.check(headers, body.encode(), NOW + timedelta(seconds=301)) == "stale"
    assert proof.check(headers, body.encode(), NOW - timedelta(seconds=301)) == "stale"
    assert proof.check(headers, body.encode() + b" ", NOW) == "wrong_proof"
    assert proof.check({**headers, "x-slack-signature": made[:-1] + "0"}, body.encode(), NOW) in (None, "wrong_proof")
    assert proofs.Slack(b"other").check(headers, body.encode(), NOW) == "wrong_proof"
    assert proof.check({"x-slack-signature": made}, body.encode(), NOW) == "no_proof"


def test_keyed_hashes_of_several_senders() -> None:
    body, secret = b'{"a": 1}', b"k"
    digest = hmac.new(secret, body, hashlib.sha256)
    assert proofs.Hmac(secret).check({"x-hub-signature": f"sha256={digest.hexdigest()}"}, body, NOW) is None
    own = proofs.Hmac(secret, header="X-Own", prefix="", encoding="base64")
    assert own.check({"x-own": base64.b64encode(digest.digest()).decode()}, body, NOW) is None
    assert own.check({"x-hub-signature-256": f"sha256={digest.hexdigest()}"}, body, NOW) == "no_proof"
    timed = proofs.Hmac(secret, header="X-Sig", prefix="", timestamp_header="X-Time")
    stamp = str(int(NOW.timestamp()))
    given_ = hmac.new(secret, f"{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    assert timed.check({"x-sig": given_, "x-time": stamp}, body, NOW) is None
    assert timed.check({"x-sig": given_, "x-time": stamp}, body, NOW + timedelta(hours=1)) == "stale"
    assert timed.check({"x-sig": digest.hexdigest()}, body, NOW) == "no_proof"
    assert proofs.Bearer(b"t").check({"authorization": "Bearer t"}, body, NOW) is None
    assert proofs.Bearer(b"t").check({"authorization": "bearer t"}, body, NOW) is None
    assert proofs.Bearer(b"t").check({"authorization": "Digest t"}, body, NOW) == "wrong_proof"
    assert proofs.Bearer(b"t").check({"authorization": "Bearer"}, body, NOW) == "wrong_proof"
    basic = base64.b64encode(b"am:t").decode()
    assert proofs.Bearer(b"t").check({"authorization": f"Basic {basic}"}, body, NOW) is None
    assert proofs.Bearer(b"t").check({"authorization": "Basic ???"}, body, NOW) == "wrong_proof"


@settings(max_examples=300, deadline=None)
@given(
    proof=some.sampled_from([proofs.Slack(b"s"), proofs.Hmac(b"s"), proofs.Bearer(b"s"),
                             proofs.Hmac(b"s", header="x-sig", timestamp_header="x-time", encoding="base64")]),
    headers=some.dictionaries(
        some.sampled_from(["authorization", "x-sig", "x-time", "x-slack-signature", "x-slack-request-timestamp",
                           "x-hub-signature-256"]),
        some.text(max_size=40) | some.just(str(int(NOW.timestamp()))) | some.just("Bearer ") | some.just("sha256="),
    ),
    body=some.binary(max_size=20),
)  # fmt: skip
def test_no_forged_proof_is_taken(proof: proofs.Proof, headers: dict[str, str], body: bytes) -> None:
    assert proof.check(headers, body, NOW) in ("no_proof", "wrong_proof", "stale")


# -- what is followed --------------------------------------------------------------------------------------------------


def polled(source: Any, position: Any) -> tuple[list[Record], Any, list[Dead]]:
    found: list[Record] = []
    lost: list[Dead] = []
    for each in source.poll(position):
        found += each.events
        lost += each.dead
        position = each.position if each.position is not None else position
    return found, position, lost


def test_prometheus_tells_what_began_and_what_ended_while_nobody_looked() -> None:
    def answer(*names: str, since: str = "2026-11-23T08:00:00.123456789Z") -> Record:
        listed = [{"labels": {"alertname": name}, "state": "firing", "activeAt": since, "value": "1"} for name in names]
        return {
            "status": "success",
            "data": {"alerts": [*listed, {"labels": {}, "state": "pending", "activeAt": since}]},
        }

    found, firing = prometheus.changed(answer("A", "B"), {}, NOW)
    assert [(each["type"], each["subject"]) for each in found] == [("prometheus.alert.firing", name) for name in "AB"]
    assert prometheus.changed(answer("A", "B"), {"firing": firing}, NOW)[0] == []
    found, firing = prometheus.changed(answer("B", since="2026-11-23T08:59:00Z"), {"firing": firing}, NOW)
    assert [(each["type"], each["subject"]) for each in found] == [
        ("prometheus.alert.firing", "B"), ("prometheus.alert.resolved", "A"), ("prometheus.alert.resolved", "B"),
    ]  # fmt: skip


def test_a_folder_tells_of_files_once_they_rest(tmp_path: Path, world_: World) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    source = files.follow(Setting("f", "files", place=str(folder), pattern="*.txt"), world_.access)
    world_.moment = datetime.now(UTC) + timedelta(minutes=1)
    found, position, _ = polled(source, {})
    assert found == []
    (folder / "new.txt").write_text("hello")
    (folder / "new.bin").write_bytes(b"\0")
    world_.moment = datetime.now(UTC)
    assert polled(source, position)[0] == []  # it may still be written to
    world_.moment = datetime.now(UTC) + timedelta(minutes=1)
    [event], position, _ = polled(source, position)
    assert (event["type"], event["data"]["text"], event["data"]["name"]) == ("file.created", "hello", "new.txt")
    assert polled(source, position)[0] == []
    (folder / "old.txt").write_text("changed")
    [event], position, _ = polled(source, position)
    assert (event["type"], event["subject"]) == ("file.changed", "old.txt")
    (folder / "old.txt").unlink()
    assert polled(source, position)[0] == []


def test_a_file_that_is_not_there_is_told_once(tmp_path: Path, world_: World) -> None:
    source = files.follow(Setting("f", "files", place=str(tmp_path / "typo.jsonl")), world_.access)
    [found] = source.poll({})
    assert (found.events, found.position) == ([], None)
    assert found.words.endswith("typo.jsonl is not there; it is read once it is")
    assert list(source.poll({})) == []
    (tmp_path / "typo.jsonl").write_text('{"a": 1}\n')
    assert [len(each.events) for each in source.poll({})] == [1]


def test_a_growing_file_is_read_line_by_line_and_again_if_it_is_another(tmp_path: Path, world_: World) -> None:
    path = tmp_path / "log.jsonl"
    source = files.follow(Setting("f", "files", place=str(path)), world_.access)
    assert polled(source, {}) == ([], {}, [])
    path.write_bytes(b'{"n":1}\nnot json\n{"n":2}\n{"n":')
    found, position, lost = polled(source, {})
    assert [each["data"]["n"] for each in found] == [1, 2]
    assert [(each.code, each.body) for each in lost] == [("bad_json", b"not json")]
    with path.open("ab") as file:
        file.write(b"3}\n")
    found, position, _ = polled(source, position)
    assert [each["data"]["n"] for each in found] == [3]
    path.rename(tmp_path / "log.1")
    path.write_bytes(b'{"m":1}\n')
    found, position, _ = polled(source, position)
    assert [each["data"] for each in found] == [{"m": 1}]
    lines = b"".join(b'{"k":%d}\n' % n for n in range(5000))
    with path.open("ab") as file:
        file.write(lines)
    assert [each["data"]["k"] for each in polled(source, position)[0]] == list(range(5000))


def test_schedules_fire_once_and_missed_times_are_said(world_: World) -> None:
    def follower(missed: str = "once") -> cron.Follower:
        setting = Setting("report", "cron", place="0 * * * *", missed=missed, timezone="UTC")
        return cron.follow(setting, world_.access)

    found, position, _ = polled(follower(), {})
    assert found == []
    world_.moment = NOW + timedelta(minutes=60)
    [event], position, _ = polled(follower(), position)
    assert (event["at"], event["data"]["missed_count"], event["source"]) == ("2026-11-23T10:00:00.000Z", 0, "cron")
    assert polled(follower(), position)[0] == []
    world_.moment = NOW + timedelta(hours=4, minutes=30)
    [event], _, _ = polled(follower(), position)
    assert (event["at"], event["data"]["missed_count"]) == ("2026-11-23T13:00:00.000Z", 3)
    assert event["data"]["missed_since"] == "2026-11-23T11:00:00.000Z"
    assert [each["at"][11:13] for each in polled(follower("all"), position)[0]] == ["11", "12", "13"]
    assert polled(follower("none"), position)[0] == []


def test_a_clock_that_is_set_back_repeats_no_schedule_and_one_far_ahead_is_forgiven(world_: World) -> None:
    source = cron.follow(Setting("r", "cron", place="* * * * *", timezone="UTC"), world_.access)
    _, position, _ = polled(source, {})
    world_.moment = NOW + timedelta(minutes=2)
    first, position, _ = polled(source, position)
    assert len(first) == 1
    world_.moment = NOW + timedelta(minutes=1)
    assert polled(source, position)[0] == []
    world_.moment = NOW + timedelta(minutes=2, seconds=30)
    assert polled(source, position)[0] == []
    ahead = dict.fromkeys(position, "2036-01-01T00:00:00.000Z")
    [told] = list(source.poll(ahead))
    assert "the clock was ahead" in told.words
    world_.moment = NOW + timedelta(minutes=4)
    assert len(polled(source, told.position)[0]) == 1


def test_a_year_of_missed_minutes_is_counted_up_to_a_bound() -> None:
    found = cron.times("* * * * *", NOW - timedelta(days=365), NOW, UTC)
    assert len(found) == cron.MOST_MISSED
    assert found[-1] == NOW


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        (
            "30 2 * * *",
            "2026-03-28T12:00:00+01:00",
            ["2026-03-29T01:30:00+00:00", "2026-03-30T00:30:00+00:00"],
        ),  # left out
        (
            "30 2 * * *",
            "2026-10-24T12:00:00+02:00",
            ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"],
        ),  # twice
        ("0 * * * *", "2026-10-25T00:00:00+00:00", ["2026-10-25T01:00:00+00:00", "2026-10-25T02:00:00+00:00"]),
        ("0 */6 * * *", "2026-10-24T21:30:00+00:00", ["2026-10-24T22:00:00+00:00", "2026-10-25T05:00:00+00:00"]),
        ("0 */6 * * *", "2027-03-27T22:30:00+00:00", ["2027-03-27T23:00:00+00:00", "2027-03-28T04:00:00+00:00"]),
        ("30 */2 * * *", "2026-10-24T23:30:00+00:00", ["2026-10-25T00:30:00+00:00", "2026-10-25T03:30:00+00:00"]),
    ],
)
def test_schedules_across_a_change_of_clocks(expression: str, after: str, expected: list[str]) -> None:
    from zoneinfo import ZoneInfo

    at, found = datetime.fromisoformat(after), []
    for _ in expected:
        at = cron.following(expression, at, ZoneInfo("Europe/Berlin"))
        found.append(at.isoformat())
    assert found == expected


@pytest.mark.parametrize("expression", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "@reboot", "x" * 300])
def test_what_is_no_schedule_is_said(expression: str, world_: World) -> None:
    with pytest.raises(ConfigError) as caught:
        cron.check(expression)
    assert caught.value.message.startswith("not a cron expression") or caught.value.message.endswith(
        "no date is like that"
    )


# -- settings ----------------------------------------------------------------------------------------------------------


def test_a_configuration_names_sources_and_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    path = tmp_path / "listen.toml"
    path.write_text("""
http = "127.0.0.1:0"
[[source]]
name = "alerts"
from = "alertmanager"
bearer_file = "token"
[[source]]
name = "chat"
from = "slack"
secret_file = "token"
[[source]]
name = "inbox"
from = "files"
place = "in"
pause = "5s"
""")
    found = configuration.load(path)
    assert [(each.name, each.path, type(each.proof).__name__) for each in found.sources] == [
        ("alerts", "/alerts", "Bearer"), ("chat", "/chat", "Slack"), ("inbox", "", "NoneType"),
    ]  # fmt: skip
    assert found.sources[2].place == str(tmp_path / "in")
    assert "abc" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[source]]\nname='a'\nfrom='slack'\nopen=true", "need an 'http'"),
        ("http='127.0.0.1:1'\n[[source]]\nname='a'\nfrom='slack'", "from anybody"),
        ("[[source]]\nname='a'\nfrom='moon'", "not known"),
        ("[[source]]\nname='A b'\nfrom='cron'", "needs a name"),
        ("[[source]]\nname='a'\nfrom='mail'", "needs a 'place'"),
        ("[[source]]\nname='a'\nfrom='cron'\n[[source]]\nname='a'\nfrom='cron'", "two sources"),
        ("[[source]]\nname='a'\nfrom='cron'\npause='soon'", "no length of time"),
        ("[[source]]\nname='a'\nfrom='cron'\nclock='x'", "unknown word 'clock'"),
        ("[[source]]\nname=1", "must be text"), ("source=1", "no [[source]]"), ("", "no [[source]]"), ("=", "not TOML"),
        ("http='x:1'\n[[source]]\nname='a'\nfrom='webhook'\nopen=true\npath='x y'", "no path"),
    ],
)  # fmt: skip
def test_a_bad_configuration_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "listen.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        configuration.load(path)
    assert words in str(raised.value)


@settings(max_examples=150, deadline=None)
@given(table=some.dictionaries(
    some.sampled_from(["http", "source"]), JSON | some.lists(some.dictionaries(
        some.sampled_from(["name", "from", "place", "path", "pause", "missed", "open", "hmac_algorithm", "api"]),
        JSON | some.sampled_from(["a", "cron", "webhook", "/x", "5m"])), max_size=3)))  # fmt: skip
def test_nothing_but_a_config_error_leaves_the_settings(table: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        configuration.from_tables(table, Path("/nowhere"))


# -- dead letters ------------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_kept_listed_retried_and_given_up(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = Dead("slack", json.dumps({**SLACK, "event_id": 3}).encode(), "wrong_type", "field 'event_id' …")
    with state.write() as tx:
        [kept] = dead.keep(tx, "chat", [letter], NOW)
        assert dead.keep(tx, "chat", [letter], NOW) == []
        assert [(each["failure_count"], each["status"]) for each in dead.listed(tx)] == [(2, "waiting")]
        assert dead.retry(tx, [], NOW) == ([], 1)
        for _ in range(3):
            dead.retry(tx, [], NOW)
        assert dead.listed(tx)[0]["status"] == "given_up"
        assert dead.retry(tx, [], NOW) == ([], 0)
        mended = json.dumps(SLACK).encode()  # as if the reader had been mended
        tx.execute("UPDATE wf_dead SET body = ?", (mended,))
        [event], failed = dead.retry(tx, [kept["id"]], NOW)
        assert (event["type"], event["listener"], failed) == ("slack.message", "chat", 0)
        assert dead.listed(tx) == []
        assert records.get(tx, event["id"])
        monkeypatch.setattr(dead, "MOST_LETTERS", 2)
        many = [Dead("slack", b"%d" % n, "bad_json", "x") for n in range(5)]
        assert len(dead.keep(tx, "chat", many, NOW)) == 2
        told = [json.loads(body)["data"]["action"] for (body,) in tx.execute("SELECT body FROM wf_audit ORDER BY seq")]
        assert told == ["event.dead", "event.revived", "event.dead", "event.dead", *["event.dropped"] * 3]
        assert dead.drop(tx, [each["id"] for each in dead.listed(tx)], NOW) == 2
        assert dead.listed(tx) == []
        with pytest.raises(DataError):
            dead.retry(tx, ["wf_x"], NOW)


def test_events_that_were_finished_are_not_announced_and_all_is_replayed_by_time(state: State) -> None:
    found = events.named([events.draft({"n": n}, NOW + timedelta(minutes=n)) for n in range(4)])
    with state.write() as tx:
        assert len(events.keep(tx, [*found, found[0]])) == 4
        tx.execute("UPDATE wf_event SET matched_at = 'x' WHERE event_id = ?", (found[0]["id"],))
        assert [each["data"]["n"] for each in events.keep(tx, found)] == [1, 2, 3]
        assert tx.execute("SELECT max(delivery_count) FROM wf_event").fetchone() == (3,)
        assert events.unfinished(tx) == [each["id"] for each in found[1:]]
        later = events.happened(tx, NOW + timedelta(minutes=1), NOW + timedelta(minutes=3), "jsonl")
        assert later == [found[1]["id"], found[2]["id"]]
        assert events.happened(tx, None, None, "slack") == []
    assert [each["data"]["n"] for each in events.stored(state.read, later)] == [1, 2]


@pytest.mark.parametrize(
    ("told", "is_genuine"),
    [
        ("mx.corp.example; dmarc=pass header.from=corp.example", True),
        ("mx.corp.example 1; spf=pass (a (nested) comment); dmarc=pass (p=reject) header.from=corp.example", True),
        ("", False),
        ("evil.example; dmarc=pass", False),
        ("mx.corp.example; dmarc=fail header.from=corp.example", False),
        ("mx.corp.example; spf=pass (dmarc=pass); dkim=none", False),
        ("mx.corp.example; spf=fail (; dmarc=pass", False),
        ("mx.corp.example; spf=fail ); dmarc=pass", False),
        ("mx.corp.example; spf=fail ((x); dmarc=pass", False),
        ('mx.corp.example; spf=fail smtp.mailfrom="; dmarc=pass "@evil.example', False),
        ('mx.corp.example; x="\\"; dmarc=pass', False),
        ("mx.corp.example; dmarc=pass; dmarc=fail", False),
    ],
)
def test_a_mail_is_genuine_only_by_what_the_own_server_says_outside_of_quotes_and_comments(
    told: str, is_genuine: bool
) -> None:
    head = f"Authentication-Results: {told}\r\n" if told else ""
    mail = f"{head}From: Bob <bob@corp.example>\r\nSubject: Re\r\n\r\napprove it\r\n".encode()
    assert mailbox.is_proven(mail, "mx.corp.example") is is_genuine
