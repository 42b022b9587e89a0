"""Choices: words understood or asked back, money, hours, what decides and what would change it; every number proved."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.choosing import basis, deciding, facts, implied, money, sensitivity, words
from roadmap_cli.life.choosing.facts import Flow, Option
from roadmap_cli.life.choosing.words import Known
from roadmap_cli.life.proof import checking, support
from roadmap_cli.life.values import grammar, keeping
from roadmap_cli.retrieval import fidelity
from roadmap_cli.state import records
from roadmap_cli.why import decisions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
EURO = Known(("EUR",), 3420.5)
JOB = "take the job in Berlin for 4,200 net or stay"


def flows(text, known=EURO, option=0):
    return [(f["amount"], f["every"]) for f in words.choice(text, known)["options"][option].get("flows", [])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JOB, [("4200.00", "month")]),
        ("take the job for 50,400 net or stay", [("50400.00", "year")]),
        ("buy a car for 18,000 or keep using the train", [("-18000.00", "once")]),
        ("buy a car for 18k EUR vs take the bus", [("-18000.00", "once")]),
        ("buy a bike for €1.250,50 or not", [("-1250.50", "once")]),
        ("rent a room for 500 EUR a month or stay", [("-500.00", "month")]),
        ("pay 3 EUR a week or walk", [("-3.00", "week")]),
        ("sell the car for 4,000 or keep it", [("4000.00", "once")]),
        ("a phone, price 600, fee 12 monthly or none", [("-600.00", "once"), ("-12.00", "month")]),
        ("move: rent 900 a month for 24 months, deposit 1800 or stay", [("-900.00", "month"), ("-1800.00", "once")]),
        ("quit the job or stay", []),
        ("work less for 400 EUR less a month or stay", [("-400.00", "month")]),
        ("a flat whose rent is 100 EUR less a month or stay", [("100.00", "month")]),
        ("a raise of 250 EUR more a month or not", [("250.00", "month")]),
        ("insurance 1,200 a year or none", [("-1200.00", "year")]),
    ],
)
def test_amounts_are_read_with_sign_and_period(text, expected):
    assert flows(text) == expected


def test_ranges_times_hours_and_dates_are_read():
    choice = words.choice("flat between 900 and 1,100 EUR a month from 2027-02-01 for 2 years or stay", EURO)
    (flow,) = choice["options"][0]["flows"]
    assert (flow["amount"], flow["low"], flow["high"]) == ("-1000.00", "-1100.00", "-900.00")
    assert choice["options"][0]["start"] == "2027-02-01"
    assert choice["options"][0]["duration_months"] == 24
    meeting = words.choice("accept the weekly meeting Mondays and Thursdays 17:00-18:30?", EURO)
    assert [(s["day"], s["begins"], s["ends"]) for s in meeting["options"][0]["slots"]] == [
        (0, "17:00", "18:30"), (3, "17:00", "18:30")
    ]  # fmt: skip
    assert meeting["options"][1] == {"name": "decline", "is_present": True}
    assert (
        words.choice("join the choir Tuesday 19:30 for 90 minutes or not", EURO)["options"][0]["slots"][0]["ends"]
        == "21:00"
    )
    change = words.choice("switch from 40 h a week to 32 h a week for 400 EUR less a month or stay", EURO)["options"][0]
    assert change["hours_week"] == -8.0
    assert [(f["amount"], f["every"]) for f in change["flows"]] == [("-400.00", "month")]
    once = words.choice("accept the dentist on 2026-12-03 at 10:00 for 45 minutes?", Known(zone="Europe/Berlin"))
    (event,) = once["options"][0]["events"]
    assert (event["at"], event["ends_at"]) == ("2026-12-03T09:00:00.000Z", "2026-12-03T09:45:00.000Z")
    assert words.choice("buy a 3 bedroom flat for 200,000 EUR or stay", EURO)["left_out"] == ["3"]
    assert words.choice("learn 30 minutes a day or 2-4 h a week", EURO)["options"][0]["hours_week"] == 3.5
    assert words.choice("learn 30 minutes a day or 2-4 h a week", EURO)["options"][1]["hours_week"] == {
        "amount": 3.0, "low": 2.0, "high": 4.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "known", "question"),
    [
        (JOB, Known(("EUR",)), "a month or a year"),
        ("take the job for 4,200 gross a month or stay", EURO, "net, after tax"),
        ("take the job or stay", EURO, "what does the job pay"),
        ("buy a car for 18,000 or take the train", Known(), "which currency"),
        ("buy a car for 18,000 or take the train", Known(("EUR", "USD")), "which currency"),
        ("accept the weekly meeting?", EURO, "when does it take place"),
        ("walk 2 h a day and swim 1 h a week or not", EURO, "how many hours a week"),
        ("accept the appointment on 2026-12-03 at 10:00?", EURO, "how long does it take"),
        ("the red one", EURO, "what is the alternative"),
        ("the red one or the blue one", EURO, "what does each alternative cost"),
        ("rent a flat for 900 or stay", EURO, "a month or a year"),
        ("work for 25 EUR an hour or stay", EURO, "how much is that a month"),
    ],
)
def test_what_is_decisive_and_missing_is_asked(text, known, question):
    with pytest.raises(DataError, match=question) as caught:
        words.choice(text, known)
    assert caught.value.code == "ask_back"
    assert caught.value.message.count("?") == 1 or "?" in caught.value.message


@given(some.text(max_size=120))
def test_nothing_but_data_errors_leaves_the_reader_of_words(text):
    try:
        choice = words.choice(text, EURO)
    except DataError:
        return
    facts.options(choice)


@given(some.lists(some.sampled_from(["buy", "rent", "job", "or", "vs", "1,200", "18k", "EUR", "€", "a", "month", "Mondays", "17:00-18:30", "for", "2", "years", "net", "from", "2027-01-01", "-", "the", "car"]), max_size=25))  # fmt: skip
def test_nothing_but_data_errors_leaves_the_reader_of_likely_words(found):
    try:
        facts.options(words.choice(" ".join(found), EURO))
    except DataError:
        return


@pytest.mark.parametrize(
    ("text", "often"),
    [
        ("ride Uber twice a week", (2, "week")),
        ("Uber 3 times a month", (3, "month")),
        ("two rides every week", (2, "week")),
        ("Uber every other week", (0.5, "week")),
        ("Uber every workday", (5, "week")),
        ("the canteen daily", (7, "week")),
    ],
)
def test_how_often_is_read_without_a_price(text, often):
    option = words.choice(f"take the train for 49 EUR a month or {text}", EURO)["options"][1]
    assert (option["often"]["count"], option["often"]["every"]) == often
    assert option["wants_price"]
    assert "left_out" not in option


def test_a_price_each_time_is_multiplied_and_a_price_once_is_not():
    assert flows("Uber for 12.50 EUR a ride twice a week or walk") == [("-25.00", "week")]
    assert flows("Uber for 10 EUR each, 3 times a month or walk") == [("-30.00", "month")]
    assert flows("buy a bike for 500 EUR and ride it twice a week or walk") == [("-500.00", "once")]


def statement(*rows):
    lines = [f"{day},{payee},{amount},EUR" for day, payee, amount in rows]
    return "\n".join(["Date,Payee,Amount,Currency", *lines, ""]).encode()


RIDES = [
    (f"2026-{month:02d}-{day:02d}", payee, amount)
    for month in range(3, 11)
    for day, payee, amount in ((1, "ACME GmbH", "2000.00"), (9, "UBER *TRIP", "-11.40"), (20, "UBER *TRIP", "-14.20"),
                               (21, "UBER *EATS", "-33.00"), (22, "BVG Abo", "-63.00"))
]  # fmt: skip
UBER = "take the train for 49 EUR a month or Uber twice a week"


def test_an_alternative_without_a_price_costs_what_such_payments_cost(tx, ingest):
    ingest(statement(*RIDES))
    prepared, compared = decide(tx, UBER)
    (flow,) = prepared["options"][1]["flows"]
    assert (flow["amount"], flow["every"], flow["currency"]) == ("-28.40", "week", "EUR")
    assert prepared["options"][1]["assumptions"] == [
        "14.20 EUR each time, the median of 16 payments to UBER *TRIP, so 28.40 EUR a week"
    ]
    assert compared["recommendation"] == "take the train for 49 EUR a month"
    assert [each["present_value"] for each in compared["options"][1]["money"]] != ["0.00"]
    cited = decisions.get(tx, flow["why_id"])["evidence_ids"]
    assert {records.get(tx, each)["payee"] for each in cited} == {"UBER *TRIP"}
    prove(tx, compared)


def test_without_how_often_it_is_as_often_as_so_far(tx, ingest):
    ingest(statement(*RIDES))
    prepared, compared = decide(tx, "lease a car for 250 EUR a month or take the bus")
    (flow,) = prepared["options"][1]["flows"]
    assert (flow["what"], flow["amount"], flow["every"]) == ("BVG Abo", "-63.00", "month")
    prove(tx, compared)


@pytest.mark.parametrize(
    ("rows", "text", "question"),
    [
        ([], UBER, "what does 'Uber twice a week' cost"),
        (RIDES[:2], UBER, "Fewer than 2 stored payments name it"),
        (RIDES, "rent a garage for 80 EUR a month or park in the street", "what does 'park in the street' cost"),
        ([("2026-11-05", "Uber", "-9.00"), ("2026-11-09", "Uber", "-9.00")],
         "take the train for 49 EUR a month or Uber", "how often would that be"),
    ],
)  # fmt: skip
def test_a_missing_price_that_no_payment_tells_is_asked_for(tx, ingest, rows, text, question):
    if rows:
        ingest(statement(*rows))
    with pytest.raises(DataError, match=question) as caught:
        decide(tx, text)
    assert caught.value.code == "ask_back"


@pytest.mark.parametrize("text", ["park in the street for nothing", "walk", "not", "stay"])
def test_what_costs_nothing_is_not_asked_for(tx, text):
    _, compared = decide(tx, f"rent a garage for 80 EUR a month or {text}")
    assert compared["recommendation"] == text


JSON = some.recursive(
    some.none() | some.booleans() | some.floats() | some.text(max_size=5) | some.integers(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(
        some.sampled_from(["name", "flows", "amount", "every", "low", "high", "slots", "day", "begins", "ends", "events",
                           "hours_week", "currency", "one_off_cost", "start", "drops", "unknown", "undo_cost"]), inner, max_size=5),
)  # fmt: skip


@given(some.lists(JSON, max_size=4))
def test_nothing_but_data_errors_leaves_the_reader_of_records(options):
    with contextlib.suppress(DataError):
        facts.options({"kind": "life.choice", "options": options})


def flow(amount, every="month", **more):
    return Flow("x", Decimal(amount), "EUR", every, f"options/0/flows/{amount}", **more)


def test_present_values_against_a_closed_form():
    rate, months = 0.05, 24
    monthly = (1 + rate) ** (1 / 12) - 1
    annuity = (1 - (1 + monthly) ** -months) / monthly
    assert money.present_value([flow(100)], rate, months) == Decimal(f"{100 * annuity:.2f}")
    assert money.present_value([flow(100, "once")], rate, months) == Decimal("100.00")
    assert money.present_value([flow(100, "once", from_month=12)], rate, months) == Decimal(f"{100 / 1.05:.2f}")
    assert money.present_value([flow(100, months=1)], 0.0, months) == Decimal("100.00")
    assert money.present_value([flow(1200, "year")], 0.0, months) == Decimal("2400.00")


def test_the_lowest_balance_and_its_month():
    option = Option("x", "options/0", flows=[flow(-1000, "once", from_month=2), flow(50)])
    usual = money.Usual(Decimal(100), Decimal(10), 12, Decimal(500))
    points = money.path(option, "EUR", usual, date(2026, 11, 23), 6)
    assert [str(point.expected) for point in points[:4]] == ["500.00", "650.00", "-200.00", "-50.00"]
    assert money.lowest(points).month == "2027-01"
    assert points[0].low == points[0].expected < points[1].high


def test_at_its_switching_value_two_options_are_worth_the_same():
    one = Option("a", "options/0", flows=[flow(-900, "once"), flow(-12)])
    other = Option("b", "options/1", flows=[flow(-45, low=Decimal(-70), high=Decimal(-20)), flow(30, "year")])
    rows = sensitivity.tornado(one, other, "EUR", 0.03, 24)
    assert len(rows) == 4
    for row in rows:
        for option in (one, other):
            option_flows = [
                flow(row["switching"], each.every)
                if each.place == row["fact"] and option.name == row["option"]
                else each
                for each in option.flows
            ]
            if option is one:
                mine = money.exact(option_flows, 0.03, 24)
            else:
                assert abs(mine - money.exact(option_flows, 0.03, 24)) < Decimal("0.13")  # half a cent a month
    known = sensitivity.worth_knowing(rows, "EUR")
    assert [each["fact"] for each in known] == ["options/0/flows/-45"]


@pytest.fixture
def life(tx, ingest, example):
    ingest(example["calendar.ics"])
    ingest(example["bank.ofx"])
    return tx


def decide(tx, given_words=None, record=None, **settings):
    found = basis.of(tx, NOW, command="life-decide")
    choice = record or words.choice(given_words, found.known)
    how = deciding.Settings(**settings)
    prepared = deciding.prepare(tx, choice, found, how)
    return prepared, deciding.compare(tx, prepared, found, how)


def prove(tx, record):
    claims = list(checking.check(tx, record["id"]))
    assert len(claims) > 10
    assert [(claim.name, claim.told, claim.problem) for claim in claims if claim.problem] == []


def test_a_job_ends_the_present_pay_and_every_number_is_proved(life):
    choice, record = decide(life, JOB)
    assert choice["options"][0]["assumptions"] == ["the pay from Example GmbH, 3420.50 EUR a month, ends"]
    (row,) = record["options"][0]["money"]
    assert row["month"] == "779.50"
    assert not record["decides"]  # what living in Berlin costs is not known
    assert any("Berlin" in each for each in record["options"][0]["unknown"])
    prove(life, record)


def test_quitting_ends_the_pay_and_working_less_replaces_it(life):
    _, record = decide(life, "quit the job or stay")
    assert record["recommendation"] == "stay"
    assert record["options"][0]["money"][0]["month"] == "-3420.50"
    prove(life, record)
    _, record = decide(life, "work 4 days a week for 2,900 EUR net a month or keep working 5 days")
    assert record["options"][0]["money"][0]["month"] == "-520.50"


def test_a_term_and_a_begin_bound_what_is_paid(life):
    choice, record = decide(life, "flat for 900 EUR a month from 2027-02-01 for 12 months or stay")
    (flow,) = choice["options"][0]["flows"]
    assert (flow["from_month"], flow["months"]) == (3, 12)
    assert record["options"][0]["reversibility"]["text"].startswith("at most 10800.00 EUR")
    path = record["options"][0]["money"][0]["path"]
    stay = record["options"][1]["money"][0]["path"]
    gaps = [Decimal(a["expected"]) - Decimal(b["expected"]) for a, b in zip(path, stay, strict=True)]
    assert [str(gap) for gap in (gaps[3], gaps[4], gaps[15], gaps[20])] == ["0.00", "-900.00", "-10800.00", "-10800.00"]
    prove(life, record)


def test_two_incomes_and_it_asks_which_one_ends(life):
    for month in range(1, 11):
        records_of = {"kind": "life.transaction", "id": f"side{month}", "at": f"2026-{month:02d}-15T00:00:00.000Z",
                      "date": f"2026-{month:02d}-15", "amount": "900.00", "currency": "EUR", "payee": "Side Gig"}  # fmt: skip
        from roadmap_cli.life.storing import store

        store.add(life, [records_of], format_name="jsonl")
    with pytest.raises(DataError, match="which one ends"):
        decide(life, JOB)
    choice = words.choice(JOB, EURO)
    choice["options"][0]["replaces"] = "Side Gig"
    _, record = decide(life, record=choice)
    assert record["options"][0]["money"][0]["month"] == "3300.00"


def test_a_weekly_time_is_held_against_calendar_and_values(life):
    keeping.add(life, [grammar.parse("no meetings after 18:00")], NOW, command="life-values add")
    _, record = decide(life, "accept the weekly meeting Mondays 17:00-18:30?")
    assert record["recommendation"] == "decline"
    assert record["options"][0]["hours_week"] == 1.5
    assert record["conflicts"][0]["rule"] == "no meetings after 18:00"
    prove(life, record)


def test_the_persons_order_decides_a_trade_and_nothing_else_does(life):
    choice = {"kind": "life.choice", "question": "q", "options": [
        {"name": "overtime", "currency": "EUR", "monthly_income": 400, "hours_week": 6, "area": "work"},
        {"name": "as now", "is_present": True},
    ]}  # fmt: skip
    _, record = decide(life, record=choice)
    assert not record["decides"]
    assert record["better"] == ["money in EUR"]
    assert record["worse"] == ["time"]
    keeping.add(life, [grammar.parse("money > rest")], NOW, command="life-values add")
    _, record = decide(life, record=choice)
    assert record["recommendation"] == "overtime"
    assert record["order"] == ["money", "rest"]
    prove(life, record)


def test_equal_options_are_called_equal(life):
    choice = {"kind": "life.choice", "question": "q", "options": [
        {"name": n, "currency": "EUR", "monthly_cost": 10} for n in ("a", "b")
    ]}  # fmt: skip
    _, record = decide(life, record=choice)
    assert not record["decides"]
    assert "equal in everything" in record["text"]


def test_a_warning_becomes_the_choice_it_implies(life):
    from roadmap_cli.life.watch import watching

    given_warnings, _ = watching.watch(life, NOW, watching.Settings(), command="life-watch")
    found = basis.of(life, NOW, command="life-decide")
    made = {each["pattern"]: implied.choice(life, each, found) for each in given_warnings}
    assert [o["name"] for o in made["overload"]["options"]][-1] == "leave it as it is"
    drops = [name for option in made["overload"]["options"][:-1] for name in option["drops"]]
    assert drops
    assert all(records.get(life, name) for name in drops)
    _, record = decide(life, record=made["spending_EUR"])
    assert record["recommendation"].startswith("no more ")
    prove(life, record)
    for each in given_warnings:
        prove(life, each)


def test_what_leaving_out_is_worth_rests_on_the_half_year_and_not_on_the_two_weeks_that_were_warned_of(life):
    from roadmap_cli.life.watch import watching

    (warning,) = [each for each in watching.watch(life, NOW, watching.Settings(), command="life-watch")[0]
                  if each["pattern"] == "spending_EUR"]  # fmt: skip
    made = implied.choice(life, warning, basis.of(life, NOW, command="life-decide"))
    *spared, present = made["options"]
    assert present["is_present"]
    assert [each["name"] for each in spared] == ["no more Lieferdienst Schnell & Gut", "no more Taxi Berlin"]
    for option in spared:
        payee = option["name"].removeprefix("no more ")
        ids = [row[0] for row in life.execute(
            "SELECT id FROM life_transaction WHERE payee = ? AND date BETWEEN '2026-05-25' AND '2026-11-22'", (payee,)
        )]  # fmt: skip
        total = -sum(Decimal(str(records.get(life, id)["amount"])) for id in ids)
        (flow,) = option["flows"]
        assert Decimal(flow["amount"]) == (total * 365 / 12 / 182).quantize(Decimal("0.01"))
        assert flow["low"] <= flow["amount"] < flow["high"], "the pace of two weeks is the other end of the range"
        assert option["assumptions"] == [
            f"{len(ids)} payments in the 182 days to 2026-11-22, {flow['amount']} EUR a month, go on like that; "
            f"at the pace of 2026-11-09 to 2026-11-22 it would be {flow['high']} EUR a month"
        ]


def test_leaving_it_as_it_is_has_the_figures_the_others_are_held_against(life):
    from roadmap_cli.life.watch import watching

    found = basis.of(life, NOW, command="life-decide")
    given = watching.watch(life, NOW, watching.Settings(), command="life-watch")[0]
    for warning in given:
        _, record = decide(life, record=implied.choice(life, warning, found))
        *others, present = record["options"]
        name = "spending_week" if warning["pattern"].startswith("spending_") else "meeting_hours_week"
        (measure,) = [
            each for each in record["warned"] if name[:7] == each["measure"][:7] and "count" not in each["measure"]
        ]
        assert all(each[name] < present[name] for each in others)
        assert (measure["since"], measure["until"]) == (warning["since"], warning["until"])
        assert all(each["would_clear"] == (each[name] <= measure["clear_at"]) for each in record["options"])
        if name == "spending_week":
            assert present[name] == measure["recent"]
        else:
            assert present["free_block_h"] == others[0]["free_block_now_h"]
            assert record["booked"]["since"] == "2026-11-24"
        prove(life, record)


def test_a_changed_number_is_seen(life):
    _, record = decide(life, JOB)
    id, stored = life.execute(
        "SELECT id, facts FROM decision WHERE decision = 'life.option_computed' ORDER BY id LIMIT 1"
    ).fetchone()
    wrong = json.loads(stored)
    wrong["figures"][0]["value"] = "1.00"
    life.execute("UPDATE decision SET facts = ? WHERE id = ?", (json.dumps(wrong), id))
    assert any(claim.problem for claim in checking.check(life, record["id"]))
    life.execute("DELETE FROM evidence WHERE position = 5")
    life.execute("UPDATE decision SET facts = ? WHERE id = ?", (stored, id))
    assert any(claim.problem for claim in checking.check(life, record["id"]))


def test_foreign_numbers_of_a_wording_are_found():
    facts_text = "the difference is 18143.39 EUR over 24 months, 779.50 EUR a month"
    assert fidelity.foreign("About 18,143.39 EUR in 24 months (779.5 a month).", facts_text) == []
    assert fidelity.foreign("About 18,000 EUR, or 25 months.", facts_text) == ["18,000", "25"]


@given(some.text(max_size=100), some.floats(-1e6, 1e6))
def test_support_never_fails_and_finds_what_is_there(text, number):
    support.unsupported(text, [text, number])
    assert support.unsupported(f"it is {number:.2f} EUR", [number]) == []
    assert support.unsupported(f"it is {abs(number) + 7:.2f} EUR", [abs(number)]) != []


def test_the_usual_night_is_counted_once_however_many_devices_tell_it(tx):
    from datetime import timedelta

    from roadmap_cli.core.clock import stamp
    from roadmap_cli.life.formats.jsonl import item
    from roadmap_cli.life.history import sleep_habit
    from roadmap_cli.life.proof import figures
    from roadmap_cli.life.storing import store
    from roadmap_cli.state import records

    def slept(night, start_min, minutes, stage, device):
        begin = datetime(2026, 11, night, 21, tzinfo=UTC) + timedelta(minutes=start_min)
        return {
            "kind": "life.measurement", "metric": "sleep", "stage": stage, "device": device, "unit": "min",
            "at": stamp(begin), "ends_at": stamp(begin + timedelta(minutes=minutes)), "value": minutes,
            "zone": "Europe/Berlin", "date": f"2026-11-{night + 1:02d}",
        }  # fmt: skip

    for night in range(1, 15):
        given = [
            slept(night, 30, 200, "core", "Watch"), slept(night, 230, 20, "awake", "Watch"),
            slept(night, 250, 220 + night, "deep", "Watch"), slept(night, 0, 500, "in_bed", "Phone"),
            slept(night, 40, 410, "asleep", "Phone"), slept(night, 17 * 60, 45, "asleep", "Watch"),
        ]  # fmt: skip
        store.add(tx, [item(each) for each in given], format_name="jsonl")
    usual = sleep_habit.usual(tx, datetime(2026, 11, 16, 9, tzinfo=UTC))
    assert usual is not None
    assert (usual.nights, usual.hours) == (14, round((420 + 7.5) / 60, 2))
    cited = [records.get(tx, each) for each in usual.ids]
    assert figures.OVER_RECORDS["median_night"](cited, {}) == usual.hours
    assert usual.falls == 9 * 60 + 30, "from noon, in UTC"
