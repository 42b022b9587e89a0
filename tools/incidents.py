"""Incidents made by chance from a seed: services that depend on each other, a fault in one of them, and what is seen.

    incident(7, "dev")  ->  what a root-cause step is given, and the truth

There are two sets of wordings. Rules and weights were made with "dev"; "report" has other words for the same faults,
formats of logs and sizes, and is only measured. Nothing here knows how causes are found.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

FAULTS = (
    "bad_deploy", "disk_full", "dependency_down", "memory_leak", "certificate_expiry", "noisy_neighbour", "config_change",
)  # fmt: skip
#: One incident in so many has a cause that nothing of what is seen tells.
UNKNOWN_EVERY = 12

EDGES = {"dev": ["gateway", "web"], "report": ["edge-proxy", "storefront", "bff"]}
MIDDLES = {
    "dev": ["orders", "payments", "cart", "search", "auth", "users", "shipping"],
    "report": ["billing-api", "catalog", "identity", "ledger", "quotes", "notifier", "profile-svc", "recommender"],
}
STORES = {"dev": ["postgres", "redis", "queue"], "report": ["mysql-main", "cache01", "kafka", "elastic", "blobstore"]}

OWN = {
    "dev": {
        "bad_deploy": ["TypeError: cannot read property 'total' of undefined", "java.lang.NullPointerException: null at OrderMapper.map(OrderMapper.java:{n})", 'column "discount" does not exist', "unhandled exception in POST /v2/items: KeyError 'currency'"],
        "config_change": ["invalid value for setting 'pool.size': ''", "environment variable PARTNER_URL is not set", "failed to parse configuration at line {n}", 'password authentication failed for user "app"'],
        "disk_full": ["could not write to file base/16384/{n}: No space left on device", "IOException: No space left on device"],
        "memory_leak": ["java.lang.OutOfMemoryError: Java heap space", "container killed by OOM killer (rss {n} MiB)"],
        "certificate_expiry": ["TLS handshake error from 10.0.0.{n}: remote error: expired certificate"],
        "dependency_down": ["received SIGTERM, shutting down", "process crashed with signal 11"],
        "noisy_neighbour": ["request {n} took {n} ms, cpu throttled for {n} periods", "slow response: {n} ms, cpu steal is high"],
    },
    "report": {
        "bad_deploy": ["panic: runtime error: invalid memory address or nil pointer dereference", "AttributeError: 'NoneType' object has no attribute 'amount'", "undefined method `each' for nil:NilClass", "cannot decode payload {n}: unexpected field 'tier'", "java.lang.NoSuchMethodError: com.acme.Client.send", "contract broken for response {n}: required member sku absent", "rendered 0 of {n} items"],
        "config_change": ["unknown option 'cache-mode'", "feature flag 'new-router' has no default", "no such bucket: uploads-eu", "Access denied for user 'svc'@'10.0.0.{n}'", "route table empty after reload: 0 rules", "handler gave up after limit of 5 ms", "region 'eu-wset-1' is not in the list"],
        "disk_full": ["ENOSPC writing segment {n}", "flood stage disk watermark [95%] exceeded on node {n}, index is read-only", "cannot checkpoint: filesystem /var is 100% full", "spool rejected item {n}: insufficient free space", "Got error 28 from storage engine"],
        "memory_leak": ["Reached heap limit Allocation failed - JavaScript heap out of memory", "fork: Cannot allocate memory", "Memory cgroup out of memory: Killed process {n}", "worker {n} exited with status 137", "GC overhead limit exceeded"],
        "certificate_expiry": ["TLS handshake failed: alert number 45", "client 10.0.0.{n} rejected our certificate: certificate expired"],
        "dependency_down": ["caught signal 15, going down", "FATAL: terminating connection due to administrator command", "supervisor: child {n} exited, not restarted"],
        "noisy_neighbour": ["scheduler delay {n} ms", "event loop blocked for {n} ms", "heartbeat late by {n} ms: starved of cpu"],
    },
}  # fmt: skip
#: What callers say of {d}; with the fault "*" for whatever else.
CALLERS = {
    "dev": {
        "certificate_expiry": ["x509: certificate has expired or is not yet valid: dialing {d}:8443", "SSL: CERTIFICATE_VERIFY_FAILED connecting to {d}"],
        "dependency_down": ["connection refused: {d}:8080", "failed to call {d}: timeout after {n} ms", "{d} unavailable: circuit breaker open"],
        "*": ["call to {d} failed with status 500", "error fetching from {d}: request timed out after {n} ms", "{d} returned 502"],
    },
    "report": {
        "certificate_expiry": ["PKIX path validation failed: timestamp check failed for {d}", "peer {d} presented a certificate whose notAfter is in the past", "handshake with {d} aborted: certificate expired {n} s ago"],
        "dependency_down": ["connect to {d} failed: no route to host", "upstream {d} answered 503", "lost connection to {d} during query {n}", "gave up on {d} after {n} retries", "no healthy backend in pool {d}"],
        "*": ["{d}: unexpected status 500 for request {n}", "query to {d} aborted after {n} ms", "bad answer from {d} (502)", "deadline exceeded while waiting for {d}"],
    },
}  # fmt: skip
EDGE_SAYS = {
    "dev": ["GET /api/{n} 500 in {n} ms"],
    "report": ["HTTP 500 POST /v3/x/{n} ({n} ms)", "request {n} failed"],
}
CALM = ["handled request {n} in {n} ms", "job {n} done", "cache hit ratio 0.{n}", "polled {n} items", "GET /health 200"]
CHRONIC = {
    "dev": [("ERROR", "client 10.1.0.{n} sent a malformed request"), ("WARN", "retrying job {n}"), ("WARN", "disk usage at 81 percent"), ("ERROR", "webhook {n} not delivered: 404")],
    "report": [("ERROR", "dropped invalid frame {n} of a client"), ("WARN", "slow consumer {n} was skipped"), ("WARN", "gc pause {n} ms"), ("ERROR", "image {n} could not be resized"), ("WARN", "token of session {n} is about to expire")],
}  # fmt: skip
BLIPS = {
    "dev": [("ERROR", "lock wait timeout on row {n}"), ("WARN", "failed to call thirdparty: timeout"), ("ERROR", "unexpected end of upload {n}")],
    "report": [("ERROR", "deadlock found, transaction {n} rolled back"), ("WARN", "partner feed answered 503"), ("ERROR", "export {n} aborted by user")],
}  # fmt: skip


@dataclass
class Incident:
    """What is given, and the truth: sort and service of the cause, or the sort ``unknown``."""

    given: dict[str, Any]
    sort: str
    service: str


class Maker:
    """Makes one incident."""

    def __init__(self, seed: int, wording: str):
        self.random = Random(f"{wording}-{seed}")
        self.wording = wording
        self.rows: list[tuple[float, str, str, str]] = []
        self.metrics: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        r = self.random
        self.zero = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=r.randrange(0, 20000))
        self.fault_s = r.uniform(45, 60) * 60
        self.started_s = self.fault_s + r.uniform(60, 480)
        self.end_s = self.started_s + 300
        self.graph()

    def graph(self) -> None:
        r, w = self.random, self.wording
        edge = r.choice(EDGES[w])
        middles = r.sample(MIDDLES[w], r.randint(3, 6 if w == "report" else 5))
        stores = r.sample(STORES[w], r.randint(1, 3))
        self.depends: dict[str, list[str]] = {edge: r.sample(middles, min(len(middles), r.randint(2, 3)))}
        for place, each in enumerate(middles):
            below = middles[place + 1 :]
            chosen = r.sample(below, min(len(below), r.randint(0, 2))) + r.sample(
                stores, min(len(stores), r.randint(0, 2))
            )
            self.depends[each] = chosen or [r.choice(stores)]
        reached = {each for values in self.depends.values() for each in values}
        for each in middles:
            if each not in reached:
                self.depends[edge].append(each)
        self.edge, self.services = (
            edge,
            [edge, *middles, *[each for each in stores if each in {b for v in self.depends.values() for b in v}]],
        )
        shuffled = r.sample(self.services, len(self.services))
        self.host = {each: f"node{place // 3 + 1}" for place, each in enumerate(shuffled)}

    def at(self, second: float) -> str:
        return (self.zero + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def say(self, second: float, level: str, service: str, text: str, **names: str) -> None:
        if not 0 <= second <= self.end_s:
            return
        while "{n}" in text:
            text = text.replace("{n}", str(self.random.randint(2, 9999)), 1)
        self.rows.append((second, level, service, text.replace("{d}", names.get("d", ""))))

    def stream(
        self, level: str, service: str, text: str, per_minute: float, begin: float, end: float, **names: str
    ) -> None:
        second = begin
        while True:
            second += self.random.expovariate(per_minute / 60)
            if second >= end:
                return
            self.say(second, level, service, text, **names)

    def calm(self, until: dict[str, float]) -> None:
        r, w = self.random, self.wording
        for service in self.services:
            self.stream("INFO", service, r.choice(CALM), r.uniform(2, 6), 0, until.get(service, self.end_s))
        for _ in range(r.randint(1, 3)):
            level, text = r.choice(CHRONIC[w])
            self.stream(level, r.choice(self.services), text, r.uniform(0.2, 2), 0, self.end_s)
        for _ in range(r.randint(0, 3)):  # a short trouble that has nothing to do with it
            level, text = r.choice(BLIPS[w])
            begin, service = r.uniform(0, self.end_s), r.choice(self.services)
            for _ in range(r.randint(1, 4)):
                self.say(begin + r.uniform(0, 60), level, service, text)
        for _ in range(r.randint(0, 3)):  # changes that did no harm
            sort = r.choice(["deploy", "config"])
            self.changes.append(self.change(r.choice(self.services), sort, r.uniform(-4 * 3600, self.started_s)))

    def change(self, service: str, sort: str, second: float) -> dict[str, Any]:
        r = self.random
        if self.wording == "dev":
            what = f"version 1.{r.randint(2, 99)}.0" if sort == "deploy" else "settings changed"
            return {"at": self.at(second), "service": service, "sort": sort, "what": what}
        what = f"rollout of build {r.randint(100, 999)}" if sort == "deploy" else "updated config map"
        return {"time": self.at(second), "service": service, "description": what}

    def callers(self, culprit: str, fault: str, onset: float) -> dict[str, float]:
        """Trouble goes up along the dependencies; when it reached whom."""
        r, w = self.random, self.wording
        reached = {culprit: onset}
        waiting = [culprit]
        while waiting:
            below = waiting.pop(0)
            for above in self.services:
                if below not in self.depends.get(above, ()) or above in reached:
                    continue
                if r.random() > 0.85 and above != self.edge:
                    continue
                reached[above] = reached[below] + r.uniform(1, 60)
                waiting.append(above)
                says = CALLERS[w].get(fault if below == culprit else "*") or CALLERS[w]["*"]
                for text in r.sample(says, min(len(says), r.randint(1, 2))):
                    self.stream(
                        r.choice(["ERROR", "ERROR", "WARN"]),
                        above,
                        text,
                        r.uniform(4, 25),
                        reached[above],
                        self.end_s,
                        d=below,
                    )
        if self.edge in reached:
            self.stream("ERROR", self.edge, r.choice(EDGE_SAYS[w]), r.uniform(15, 40), reached[self.edge], self.end_s)
        return reached

    def series(self, reached: dict[str, float], special: dict[tuple[str, str], Any], *, always: bool) -> None:
        r = self.random
        if r.random() > 0.8 and not always:
            return
        for service in self.services:
            for name, low, high in (
                ("cpu_ratio", 0.15, 0.5),
                ("memory_bytes", 3e8, 2e9),
                ("disk_used_ratio", 0.3, 0.8),
                ("latency_ms", 10, 80),
                ("error_ratio", 0, 0.01),
                ("up", 1, 1),
            ):
                shape = special.get((service, name))
                if shape is None and r.random() > 0.8:
                    continue
                base = r.uniform(low, high)
                points = []
                for second in range(0, int(self.end_s), 60):
                    value = base * r.uniform(0.93, 1.07) if name != "up" else 1.0
                    if shape is not None:
                        value = shape(second, value)
                    elif service in reached and second >= reached[service] and name in ("latency_ms", "error_ratio"):
                        value = value * r.uniform(4, 20) + (0.05 if name == "error_ratio" else 0)
                    points.append([self.at(second), round(value, 5)])
                self.metrics.append({"name": name, "service": service, "host": self.host[service], "points": points})
        for host in sorted(set(self.host.values())):
            shape = special.get((host, "cpu_steal_ratio"))
            base = r.uniform(0.005, 0.02)
            points = [
                [self.at(second), round(shape(second, base) if shape else base * r.uniform(0.8, 1.2), 5)]
                for second in range(0, int(self.end_s), 60)
            ]
            self.metrics.append({"name": "cpu_steal_ratio", "host": host, "points": points})

    def make(self, fault: str) -> Incident:
        r, w, at = self.random, self.wording, self.fault_s
        inner = [each for each in self.services if each != self.edge]
        culprit = r.choice(inner)
        special: dict[tuple[str, str], Any] = {}
        until: dict[str, float] = {}
        victim = culprit
        if fault == "noisy_neighbour":
            together = [(a, b) for a in inner for b in self.services if a != b and self.host[a] == self.host[b]]
            if not together:
                return Maker(r.randrange(10**9), w).make(fault)
            victim, culprit = r.choice(together)
            host, greed = self.host[victim], r.choice(["cpu_ratio"])
            special[host, "cpu_steal_ratio"] = lambda second, value: (
                value + (r.uniform(0.2, 0.5) if second >= at else 0)
            )
            special[culprit, greed] = lambda second, value: (
                min(value * r.uniform(2.5, 4), 1.0) + 0.3 if second >= at - 60 else value
            )
        self.calm_after = until
        own = [] if fault == "unknown" else OWN[w][fault]
        if fault == "unknown":
            self.stream("ERROR", self.edge, r.choice(EDGE_SAYS[w]), r.uniform(5, 20), at, self.end_s)
            reached = {self.edge: at}
        else:
            if fault in ("bad_deploy", "config_change") and r.random() < 0.92:
                self.changes.append(
                    self.change(culprit, "deploy" if fault == "bad_deploy" else "config", at - r.uniform(5, 600))
                )
            if fault == "dependency_down":
                until[culprit] = at
                if r.random() < 0.6:
                    self.say(at, r.choice(["INFO", "ERROR"]), culprit, r.choice(own))
                special[culprit, "up"] = lambda second, value: 0.0 if second >= at else 1.0
                if r.random() < 0.3:
                    special.pop((culprit, "up"))
            elif fault != "certificate_expiry" or r.random() < 0.5:
                level = "WARN" if fault == "noisy_neighbour" else r.choice(["ERROR", "ERROR", "FATAL"])
                for text in r.sample(own, min(len(own), r.randint(1, 2))):
                    self.stream(level, victim, text, r.uniform(0.7, 6), at, self.end_s)
                    self.say(at + r.uniform(0, 20), level, victim, text)
            if fault == "disk_full":
                begin = r.uniform(0.3, 0.8)
                special[culprit, "disk_used_ratio"] = lambda second, value: min(begin + (1 - begin) * second / at, 1.0)
            if fault == "memory_leak":
                special[culprit, "memory_bytes"] = lambda second, value: (
                    4e8 * (1 + 4 * min(second / at, 1.0)) * r.uniform(0.97, 1.03)
                )
            reached = self.callers(victim, fault, at + r.uniform(0, 10))
        self.calm(until)
        self.series(reached, special, always=fault == "noisy_neighbour")
        alerted = sorted(reached, key=lambda each: reached[each])
        alerts = [{"at": self.at(self.started_s), "service": self.edge, "name": "HighErrorRate"}]
        for each in alerted:
            if r.random() < 0.4 and each != self.edge:
                alerts.append(
                    {
                        "at": self.at(reached[each] + r.uniform(60, 300)),
                        "service": each,
                        "name": r.choice(["HighLatency", "Errors"]),
                    }
                )
        self.rows.sort()
        given: dict[str, Any] = {"started": self.at(self.started_s), "logs": self.lines(), "alerts": alerts}
        if self.metrics:
            given["metrics"] = self.metrics
        if r.random() < 0.92 or fault in ("bad_deploy", "config_change"):
            given["changes"] = r.sample(self.changes, len(self.changes))
        if r.random() < 0.85:
            given["depends"] = self.depends
        return Incident(given, fault, "" if fault == "unknown" else culprit)

    def lines(self) -> list[str]:
        sort = self.random.choice(
            ["plain", "json"] if self.wording == "dev" else ["json", "logfmt", "syslog", "bracket"]
        )
        found = []
        for second, level, service, text in self.rows:
            at = self.at(second)
            match sort:
                case "plain":
                    found.append(f"{at} {level} {service}: {text}")
                case "json":
                    found.append(json.dumps({"time": at, "level": level.lower(), "service": service, "message": text}))
                case "logfmt":
                    found.append(
                        f'time={at} level={level.lower()} service={service} msg="{text.replace(chr(34), chr(39))}"'
                    )
                case "syslog":
                    moment = self.zero + timedelta(seconds=second)
                    found.append(
                        f"{moment:%b} {moment.day:2} {moment:%H:%M:%S} {self.host[service]} {service}[{self.random.randint(100, 999)}]: {level} {text}"
                    )
                case _:
                    found.append(f"[{at}] [{level}] [{service}] - {text}")
        return found


def incident(seed: int, wording: str) -> Incident:
    """The incident of a seed, in one of the two wordings."""
    maker = Maker(seed, wording)
    fault = "unknown" if seed % UNKNOWN_EVERY == UNKNOWN_EVERY - 1 else FAULTS[seed % len(FAULTS)]
    return maker.make(fault)
