"""life-graph beside simple peers on synthetic lives of known truth: merges, relations with their times, speed.

Seeds 1 to 5 were looked at while the weights were chosen; the figures are of seeds 101 to 105, which were not.
Run: python tools/bench/graph.py [SEED...]. Peers: one address is one person; Jaro-Winkler of names at 0.9 (or one
address or number); rapidfuzz token_sort_ratio at 90, where rapidfuzz is installed; and splink, where it is.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from helping import tell_help

sys.path.insert(0, str(Path(__file__).parent))
import graph_lives
from graph_lives import START, Life

HELD_OUT = (101, 102, 103, 104, 105)
NOW = START + timedelta(days=graph_lives.DAYS + 2)
TOLERANCE_DAYS = 60
Clusters = dict[tuple[str, ...], Any]


# -- measures ------------------------------------------------------------------------------------------------------


def pairwise(found: Clusters, truth: dict[tuple[str, ...], str]) -> tuple[float, float, float]:
    """Precision, recall, F1 over pairs of references."""

    def pairs(counts: Iterable[int]) -> int:
        return sum(n * (n - 1) // 2 for n in counts)

    both = pairs(Counter((found[key], who) for key, who in truth.items()).values())
    mine = pairs(Counter(found[key] for key in truth).values())
    true = pairs(Counter(truth.values()).values())
    return _prf(both, mine, true)


def b_cubed(found: Clusters, truth: dict[tuple[str, ...], str]) -> tuple[float, float, float]:
    """Precision, recall, F1 as means over references (Bagga and Baldwin 1998)."""
    both = Counter((found[key], who) for key, who in truth.items())
    mine, true = Counter(found[key] for key in truth), Counter(truth.values())
    precision = statistics.fmean(both[found[key], who] / mine[found[key]] for key, who in truth.items())
    recall = statistics.fmean(both[found[key], who] / true[who] for key, who in truth.items())
    return precision, recall, 2 * precision * recall / (precision + recall)


def _prf(right: int, found: int, true: int) -> tuple[float, float, float]:
    precision, recall = right / found if found else 1.0, right / true if true else 1.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# -- peers ---------------------------------------------------------------------------------------------------------


class Union:
    """Union-find over references."""

    def __init__(self, keys: Iterable[tuple[str, ...]]) -> None:
        self.parent = {key: key for key in keys}

    def find(self, key: tuple[str, ...]) -> tuple[str, ...]:
        """Who stands for its cluster."""
        while self.parent[key] != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def join(self, a: tuple[str, ...], b: tuple[str, ...]) -> None:
        """Make two one."""
        self.parent[self.find(a)] = self.find(b)

    def clusters(self) -> Clusters:
        """The cluster of each."""
        return {key: self.find(key) for key in self.parent}


def by_identifier(life: Life, *fields: str) -> Union:
    """One address (or number) is one person."""
    union, first = Union(life.references), {}
    for key, told in life.fields.items():
        for field in fields:
            for value in told[field]:
                union.join(key, first.setdefault((field, value), key))
    return union


def by_likeness(life: Life, like: Callable[[str, str], bool]) -> Clusters:
    """The same, and names that are alike."""
    union = by_identifier(life, "emails", "phones")
    named = [(key, name.lower()) for key, told in life.fields.items() for name in told["names"] if name]
    distinct = sorted({name for _, name in named})
    holders = defaultdict(list)
    for key, name in named:
        holders[name].append(key)
    for name in distinct:
        for other in holders[name][1:]:
            union.join(holders[name][0], other)
    for i, a in enumerate(distinct):
        for b in distinct[i + 1 :]:
            if like(a, b):
                union.join(holders[a][0], holders[b][0])
    return union.clusters()


def peers(life: Life) -> dict[str, Clusters]:
    """What each peer makes of the references."""
    from roadmap_cli.life.graph.names import similarity

    found = {
        "one address": by_identifier(life, "emails").clusters(),
        "one address or number": by_identifier(life, "emails", "phones").clusters(),
        "Jaro-Winkler 0.9": by_likeness(life, lambda a, b: similarity(a, b) >= 0.9),
    }
    if importlib.util.find_spec("rapidfuzz"):
        from rapidfuzz import fuzz

        found["rapidfuzz token_sort 90"] = by_likeness(life, lambda a, b: fuzz.token_sort_ratio(a, b) >= 90)
    if importlib.util.find_spec("splink"):
        found["splink, Fellegi-Sunter by EM"] = by_splink(life)
    return found


def by_splink(life: Life) -> Clusters:
    """Splink 4 with its own comparisons of names, addresses and numbers, trained by EM; pairs from 0.5 on."""
    import pandas
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    rows, keys = [], {}
    for number, (key, told) in enumerate(life.fields.items()):
        words = (told["names"][0] if told["names"] else "").lower().replace(",", " ").split()
        if told["names"] and "," in told["names"][0]:
            words = words[1:] + words[:1]
        keys[number] = key
        rows.append({
            "unique_id": number, "first_name": words[0] if words else None, "surname": words[-1] if len(words) > 1 else None,
            "email": told["emails"][0] if told["emails"] else None, "phone": told["phones"][0] if told["phones"] else None,
        })  # fmt: skip
    chosen = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("first_name", [0.92, 0.8]), cl.JaroWinklerAtThresholds("surname", [0.92, 0.8]),
            cl.EmailComparison("email"), cl.ExactMatch("phone"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("surname"), block_on("email"), block_on("phone"), block_on("first_name", "substr(surname, 1, 2)"),
            block_on("split_part(email, '@', 1)"),
        ],
    )  # fmt: skip
    linker = Linker(pandas.DataFrame(rows), chosen, DuckDBAPI())
    linker.training.estimate_probability_two_random_records_match([block_on("email")], recall=0.3)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("surname"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("first_name"))
    pairs = linker.inference.predict(threshold_match_probability=0.5)
    union = by_identifier(life, "emails", "phones")  # it sees but one address of each: the others are told to it
    for row in pairs.as_pandas_dataframe().itertuples():
        union.join(keys[row.unique_id_l], keys[row.unique_id_r])
    return union.clusters()


# -- ours ----------------------------------------------------------------------------------------------------------


def state() -> Any:
    """An empty state in memory, in a transaction."""
    from roadmap_cli.state import connection, migrate
    from roadmap_cli.state.store import MIGRATIONS

    tx = connection.connect(":memory:", None, wait_s=1)
    needed = [each for each in migrate.known(MIGRATIONS) if each.family in ("base", "life")]
    migrate.apply(tx, needed, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    tx.execute("BEGIN")
    return tx


def built(life: Life) -> Any:
    """The life in a state, with its graph."""
    from roadmap_cli.life.formats import jsonl
    from roadmap_cli.life.graph import building
    from roadmap_cli.life.storing import store

    tx = state()
    store.add(tx, [jsonl.item(record) for record in life.records], format_name="jsonl")
    building.read(tx, -1)
    building.resolve(tx, NOW, command="bench")
    return tx


def ours(tx: Any, life: Life) -> Clusters:
    """The entity of each reference; what belongs to none stands alone."""
    from roadmap_cli.life.graph import extraction, identities

    where = dict(tx.execute("SELECT key, entity_id FROM life_graph_atom"))
    found: Clusters = {}
    for key in life.references:
        if key[0] == "n":
            scope, name = key[1], key[2]
            channel, _, thread = scope.partition("/")
            atom, _ = extraction.person(name, scope=f"{channel}/{extraction.names.fold(thread)}")
        elif key[0] == "p":
            atom = f"p:{identities.phone_tail(identities.phone(key[1]) or '')}"
        elif key[0] == "e":
            atom = f"e:{identities.email(key[1])}"
        else:
            atom = f"c:{key[1]}"
        found[key] = where.get(atom) or key
    return found


def _who(found: Clusters, life: Life) -> dict[Any, str]:
    """Whom each entity mostly is."""
    votes: dict[Any, Counter[str]] = defaultdict(Counter)
    for key, who in life.references.items():
        if who != "?":
            votes[found[key]][who] += 1
    return {
        entity: sorted(count.items(), key=lambda each: (-each[1], each[0]))[0][0] for entity, count in votes.items()
    }


def relations(tx: Any, life: Life, found: Clusters) -> dict[str, tuple[int, int, int]]:
    """Of each sort of relation: how many found are right, how many were found, how many are true."""
    who = _who(found, life)
    names = dict(tx.execute("SELECT id, name FROM life_entity WHERE superseded_at IS NULL"))
    keys: dict[str, set[str]] = defaultdict(set)
    for key, entity in tx.execute("SELECT key, entity_id FROM life_graph_atom WHERE entity_id IS NOT NULL"):
        keys[entity].add(key)
    firms = {f"d:{job.domain}": job.firm for person in life.people.values() for job in person.jobs}
    firm_of = {}
    for entity, own in keys.items():
        for key in sorted(own):
            if key in firms:
                firm_of[entity] = firms[key]
            elif key.startswith("o:"):
                for firm in firms.values():
                    if key == f"o:{firm.lower()}":
                        firm_of[entity] = firm
    mine: dict[str, set[Any]] = defaultdict(set)
    spans: dict[tuple[str, str], tuple[str, str | None]] = {}
    rows = tx.execute(
        "SELECT a_id, relation, b_id, valid_from, valid_to, confidence FROM life_relation WHERE superseded_at IS NULL"
    ).fetchall()
    for a, relation, b, since, until, confidence in rows:
        if relation == "works_at" and a in who:
            mine["works_at"].add((who[a], firm_of.get(b, names[b])))
            spans[who[a], firm_of.get(b, names[b])] = (since, until)
        elif relation == "family_of" and confidence > 0.6 and a in who and b in who:
            mine["family_of"].add(frozenset((who[a], who[b])))
        elif relation == "attends" and a in who:
            mine["attends"].add((who[a], names[b]))
        elif relation == "member_of" and a in who:
            mine["member_of"].add((who[a], names[b]))
    true = {
        "works_at": {(person, firm) for person, firm, _, _ in life.works_at},
        "family_of": {frozenset(each) for each in life.families},
        "attends": life.attends,
        "member_of": life.members,
    }
    result = {name: (len(mine[name] & wanted), len(mine[name]), len(wanted)) for name, wanted in true.items()}
    jobs = {(person.id, job.firm) for person in life.people.values() for job in person.jobs}
    unseen = mine["works_at"] & jobs - true["works_at"]  # right, on a single record, which nobody had to find
    right, told, wanted_count = result["works_at"]
    result["works_at"] = (right, told - len(unseen), wanted_count)
    result["works_at, both times"] = _timed(life, spans)
    return result


def _timed(life: Life, spans: dict[tuple[str, str], tuple[str, str | None]]) -> tuple[int, int, int]:
    """works_at whose beginning and end are right within 60 days.

    A beginning or end is judged by the days on which anything could show it; one within 200 days of the life's end
    may be left open, as silence of that length proves nothing.
    """
    right = judged = 0
    for person, firm, first, last in life.works_at:
        days = life.seen[person, firm]
        if (person, firm) not in spans:
            continue
        judged += 1
        since, until = spans[person, firm]
        begins = START + timedelta(days=max(first, min(days)))
        ended = last < graph_lives.DAYS
        close = abs((datetime.fromisoformat(since) - begins).days) <= TOLERANCE_DAYS
        if not ended:
            close &= until is None or (graph_lives.DAYS - max(days) > 200)
        elif until is not None:
            seen_last = START + timedelta(days=max(days))
            ends = START + timedelta(days=last)
            close &= (
                min(abs((datetime.fromisoformat(until) - each).days) for each in (seen_last, ends)) <= TOLERANCE_DAYS
            )
        else:
            close &= graph_lives.DAYS - max(days) <= 200
        right += close
    return right, judged, len(life.works_at)


def payees(tx: Any, life: Life) -> tuple[float, float, float]:
    """Precision, recall, F1 over pairs of spellings of payees."""
    from roadmap_cli.life.graph.payees import normal

    where = dict(tx.execute("SELECT key, entity_id FROM life_graph_atom"))
    truth = {(payee,): name for payee, name in life.payees.items()}
    return pairwise({key: where[f"y:{normal(key[0])[0]}"] for key in truth}, truth)


# -- figures -------------------------------------------------------------------------------------------------------


def tell(what: str, value: float, unit: str, **more: Any) -> None:
    """One record for a figure."""
    record = {"kind": "bench.figure", "id": f"bench_graph_{what.replace(' ', '_')}", "at": "2026-11-28T00:00:00.000Z",
              "name": f"life-graph: {what}", "value": round(value, 4), "unit": unit}  # fmt: skip
    print(json.dumps(record | more), flush=True)


def accuracy(seeds: Iterable[int]) -> None:
    """Merges and relations over seeds."""
    scores: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    spelt = []
    for seed in seeds:
        life = graph_lives.make(seed)
        truth = {key: who for key, who in life.references.items() if who != "?"}
        tx = built(life)
        mine = ours(tx, life)
        for name, found in {"ours": mine, **peers(life)}.items():
            scores[name].append((*pairwise(found, truth), *b_cubed(found, truth)))
        for name, counts in relations(tx, life, mine).items():
            sums[name] = [a + b for a, b in zip(sums[name], counts, strict=True)]
        spelt.append(payees(tx, life))
        tx.close()
    told = list(seeds)
    for name, rows in scores.items():
        means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
        keys = ("pair_precision", "pair_recall", "pair_f1", "b3_precision", "b3_recall", "b3_f1")
        values = {key: round(value, 4) for key, value in zip(keys, means, strict=True)}
        tell(f"merges of people, B-cubed F1, {name}", means[5], "ratio", seeds=told, **values)
    for name, (right, found, true) in sums.items():
        precision, recall, f1 = _prf(right, found, true)
        tell(
            f"relation {name}, F1",
            f1,
            "ratio",
            seeds=told,
            precision=round(precision, 4),
            recall=round(recall, 4),
            true_count=true,
        )
    means = [statistics.fmean(column) for column in zip(*spelt, strict=True)]
    tell("spellings of payees, pair F1", means[2], "ratio", precision=round(means[0], 4), recall=round(means[1], 4))


def speed(count: int = 100_000) -> None:
    """CPU seconds, which a busy machine leaves as they are, to build from `count` records in an encrypted state, and to look; the commands as people run them."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {
            "HOME": folder,
            "XDG_STATE_HOME": folder,
            "ROADMAP_NOW": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        life = graph_lives.make(
            900, people=600, messages=int(count * 0.72), events=int(count * 0.18), payments=int(count * 0.1)
        )
        source = Path(folder) / "life.jsonl"
        source.write_text("".join(json.dumps(record) + "\n" for record in life.records))

        def run(*words: str) -> tuple[float, bytes]:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [str(root / "bin" / words[0]), *words[1:]]
            done = subprocess.run(command, env=environ, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout

        run("life-ingest", "-q", "-o", os.devnull, str(source))
        seconds, out = run("life-graph", "build")
        made = json.loads(out)
        sizes = {name: made[name] for name in ("read_count", "entity_count", "relation_count")}
        tell(f"build from {len(life.records)} records", seconds, "CPU s", **sizes)
        tell("build again, nothing new", run("life-graph", "build")[0], "CPU s")
        name = max(life.people.values(), key=lambda person: person.activity).jobs
        who = name[0].address if name else next(iter(life.people.values())).name
        tell(
            "show somebody, the whole command",
            min(run("life-graph", "show", who)[0] for _ in range(3)) * 1000,
            "CPU ms",
        )
        looking(environ, who)


def looking(environ: dict[str, str], who: str) -> None:
    """CPU milliseconds of the queries themselves, in an open state."""
    from roadmap_cli.life.graph import closeness, finding
    from roadmap_cli.life.graph.finding import Times
    from roadmap_cli.state.keys import KeySource
    from roadmap_cli.state.store import State

    path = Path(environ["XDG_STATE_HOME"]) / "roadmap" / "state.db"
    with (
        State.open(path, mode="read", keys=KeySource(environ, None), wait_s=5, now=lambda: NOW) as opened,
        opened.read() as tx,
    ):
        start = finding.one(tx, who, Times())["id"]
        others = [each["id"] for each in finding.entities(tx, Times(), sort="person", limit=40)]
        queries: dict[str, Callable[[], Any]] = {
            "search by name": lambda: finding.search(tx, "Kathi Müler", Times()),
            "neighbourhood, two steps": lambda: finding.around(tx, [start], Times(), 2),
            "path between two": lambda: finding.path(tx, start, others[-1], Times(), avoiding=finding.user(tx)),
            "as it was known and true on a day": lambda: finding.relations(
                tx, Times.of("2025-01-01", "2026-08-01"), [start]
            ),
            "close people": lambda: closeness.close_people(tx, NOW, limit=20),
        }
        for name, query in queries.items():
            times = []
            for _ in range(5):
                began = time.process_time()
                query()
                times.append((time.process_time() - began) * 1000)
            tell(name, statistics.median(times), "CPU ms")


if __name__ == "__main__":
    tell_help(__doc__)
    chosen = [int(word) for word in sys.argv[1:] if word.isdigit()]
    accuracy(chosen or HELD_OUT)
    if not chosen:
        speed()
