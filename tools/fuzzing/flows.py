"""Workflows: templates, policies, what sources send, and what servers of every kind answer."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzzing.engine import Target
from fuzzing.ground import JSON
from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError

ROOT = Path(__file__).parents[2]


def template_reader(folder: Path) -> Target:
    """A workflow template of whatever bytes: read, checked and planned, or refused with the line."""
    from datetime import UTC, datetime

    from roadmap_cli.wf.language import loading
    from roadmap_cli.wf.planning import boxes, graph, planner

    library = ROOT / "src/roadmap_cli/wf/library"
    event = {"id": "e", "at": "2026-11-23T09:00:00.000Z", "data": {"a": "x", "list": [1, {"b": None}]}}
    at = datetime(2026, 11, 23, tzinfo=UTC)

    def read(data: bytes) -> None:
        path = folder / ("fuzzed.toml" if data[:1] == b"#" else "fuzzed.yaml")
        path.write_bytes(data)
        template, findings = loading.check(path)
        assert all(each.line >= 1 and "\n" not in each.message for each in findings), findings
        if template is None:
            return
        match = {"id": "m", "template_sha256": template.sha256}
        try:
            plan = planner.plan(template, match, event, requested_by="a", directory=folder, at=at)
        except (DataError, ConfigError) as error:
            assert "\n" not in error.message, error.message
            return
        boxes.draw(plan["steps"], 200)
        graph.text(plan, "dot")

    seeds = [path.read_bytes() for path in sorted(library.glob("*.yaml"))]
    small = b"workflow: w\nversion: 1\ninputs: {a: {from: data.a}}\nsteps:\n  - {name: s, role: data, command: [x, '${inputs.a}'], effects: [read], each: '${event.data.list}'}\n"
    toml = b"# t\nworkflow = 'w'\nversion = 1\n[[steps]]\nname = 's'\nrole = 'data'\ncommand = ['x',\n 'y']\neffects = ['read']\n"
    return Target(read, [small, toml, *seeds], YAML)


WEBHOOKS = [
    b'{"version":"4","groupKey":"g","alerts":[{"status":"resolved","labels":{"alertname":"A"},"startsAt":'
    b'"2026-11-23T08:00:00Z","endsAt":"2026-11-23T09:00:00.123456789Z"}]}',
    b'{"version":"1","orgId":1,"alerts":[{"status":"firing","labels":{},"startsAt":"2026-11-23T08:00:00Z"}]}',
    b'{"type":"event_callback","team_id":"T","event_id":"E","event_time":1795424400,"event":{"type":"message"}}',
    b'{"type":"block_actions","team":{"id":"T"},"trigger_id":"1.2","user":{"id":"U"}}',
    b"command=%2Fdeploy&trigger_id=13&team_id=T&text=a%20b", b"payload=%7B%22type%22%3A%22x%22%7D",
    b'{"webhookEvent":"jira:issue_updated","timestamp":1795424400000,"issue":{"key":"OPS-1"}}',
    b'{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-11-23T08:00:00Z","data":{}}',
    b'{"status":"success","data":{"alerts":[{"labels":{"a":"b"},"state":"firing","activeAt":"2026-11-23T08:00:00Z"}]}}',
    b'{"id":"7","key":"OPS-7","fields":{"updated":"2026-11-23T08:00:00.000+0000"}}',
    b'{"type":"events_api","envelope_id":"e","payload":{"type":"slash_commands"},"retry_attempt":1}',
]  # fmt: skip


def read_webhooks(data: bytes) -> None:
    """Every reader of what a source sends."""
    import contextlib
    from datetime import UTC, datetime

    import orjson

    from roadmap_cli.wf import events, sources
    from roadmap_cli.wf.sources import jira_poll, mailbox, prometheus, slack_socket

    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    form = {"content-type": "application/x-www-form-urlencoded"}
    ways: list[tuple[Any, dict[str, str]]] = [(sources.webhook(name), {}) for name in sorted(sources.WEBHOOKS)]
    ways += [
        (sources.webhook("slack"), form),
        (sources.webhook("webhook"), {"content-type": "application/cloudevents-batch+json"}),
    ]
    for module, headers in (*ways, (prometheus, {}), (jira_poll, {}), (slack_socket, {})):
        with contextlib.suppress(DataError):
            for event in module.read(data, headers, at):
                events.checked(event)
    orjson.dumps(events.named([mailbox.from_mail(data, "INBOX", None, at)])[0])


YAML = [
    b"${inputs.a}",
    b"${",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!python/object:os.system ",
    b"- {",
    b"each: ",
    b"when: ",
    b"|\n",
    b"? ",
    b"---\n",
    b"matches: '(a+)+$'",
    b"steps:",
    b"  ",
]
POLICIES = [
    b'@id("mine")\n@why("a reason")\npermit (principal == User::"ana", action == Action::"run", resource);\n',
    b'@id("no-nights") forbid (principal, action, resource) when { context.hour > 22 && !(resource in Group::"x") };\n',
]


def read_policies(data: bytes) -> None:
    """Policies as text, the patterns of a scope, the names of people and groups."""
    from roadmap_cli.wf import people
    from roadmap_cli.wf.language import scope
    from roadmap_cli.wf.rights import cedar, grants
    from roadmap_cli.wf.rights import scope as rights

    text = data.decode("utf-8", "replace")
    with contextlib.suppress(DataError):
        cedar.checked(text)
    short = text[:2000]
    for read in (
        cedar.quoted,
        grants.spelled_group,
        grants.spelled_subject,
        people.spelled,
        rights.spelled,
        rights.widened,
    ):
        with contextlib.suppress(RoadmapError):
            read(short)
    people.are_same(short, short[::-1])
    for sort in scope.SORTS:
        scope.covers(f"{sort}:{short}", f"{sort}:{short[::-1]}")


def read_patterns(data: bytes) -> None:
    """A regular expression of a template on a text it is slow for: refused, or done in linear time."""
    from roadmap_cli.wf.language import patterns

    pattern, _, text = data.decode("utf-8", "replace").partition("\n")
    with contextlib.suppress(DataError):
        patterns.whole(patterns.compiled(pattern), (text or "a" * 2000) + "!")


def read_servers(data: bytes) -> None:
    """Answers of IMAP, CalDAV, WebDAV and S3 servers: taken in, or refused with a reason."""
    from roadmap_cli.life.remote import dav
    from roadmap_cli.mail.imap import Client
    from roadmap_cli.net.stream import Stream
    from roadmap_cli.slm.sync.remotes import s3, webdav

    with contextlib.suppress(RoadmapError):
        for part in dav.parts(data, "https://x.example/c/"):
            assert part.href
    with contextlib.suppress(ValueError):
        webdav.entries(data, "c", "c")
    with contextlib.suppress(ValueError):
        s3.listed(data)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        theirs.send(b"* OK [CAPABILITY IMAP4rev1 IDLE CONDSTORE]\r\n" + data[:60_000])
    theirs.shutdown(socket.SHUT_WR)
    with (
        Stream(ours, "x.example", ssl.create_default_context(), lambda *_, **__: None, 1.0) as stream,
        contextlib.suppress(RoadmapError),
    ):
        client = Client(stream)
        client.greet()
        client.folders()
        client.open("INBOX")
        client.sizes(1)
        list(client.fetch([1, 2, 3]))
    theirs.close()


def targets(folder: Path) -> dict[str, Callable[[], Target]]:
    """By name; each is made when it is asked for."""
    tags = [b"r%d OK done\r\n" % number for number in range(1, 8)]
    imap = (
        b'* LIST (\\HasNoChildren) "/" INBOX\r\n* LIST () "/" {3}\r\na&b\r\nr1 OK x\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 9]\r\nr2 OK [READ-WRITE] x\r\n'
        b'* 1 FETCH (UID 1 RFC822.SIZE 5)\r\nr3 OK x\r\n* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE "23-Nov-2026 09:00:00 +0100" BODY[] {5}\r\nhello)\r\nr4 OK x\r\n'
    )
    dav = (
        b'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:response><D:href>/c/a.ics</D:href><D:propstat><D:prop>'
        b"<D:getetag>1</D:getetag><D:getcontentlength>5</D:getcontentlength><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status>"
        b"</D:propstat></D:response></D:multistatus>"
    )
    listing = (
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated><Contents><Key>v1/a.age</Key><Size>5</Size></Contents>'
        b"<NextContinuationToken>x</NextContinuationToken></ListBucketResult>"
    )
    return {
        "workflow": lambda: template_reader(folder),
        "webhooks": lambda: Target(read_webhooks, WEBHOOKS, JSON),
        "policies": lambda: Target(read_policies, [*POLICIES, b"host:*.example:443", b"file:/srv/**/x"], [b"permit", b"forbid", b"when {", b"}", b"::", b"**", b"host:", b"@id(", b"like \"*\""]),
        "patterns": lambda: Target(read_patterns, [b"(a+)+$\naaaa", b"[a-z]{1,9}(x|y)*\nabcxy", b"(?:a|a)*b\naaa"], [b"+", b"*", b"{1,99}", b"(", b")", b"|", b"[^", b"]", b"\\d", b"(?=", b"(?P<n>", b"\\1", b"$", b"a" * 500]),
        "servers": lambda: Target(read_servers, [imap, dav, listing], [*tags, b"{5}\r\n", b"{99999999999}\r\n", b"<D:href>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"* ", b"FETCH (", b"BODY[] ", b"UID "]),
    }  # fmt: skip
