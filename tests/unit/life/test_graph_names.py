"""Names, addresses, numbers, payees, projects and signatures: what is one, and what is not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.life.graph import extraction, identities, names, payees, projects, signatures
from roadmap_cli.life.graph.names import Level

TEXT = st.text(max_size=60)


def agree(a, b):
    return names.agree(names.parse(a), names.parse(b))


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        ("Priya Raman", "Raman, Priya", Level.EXACT),
        ("Jürgen Müller", "Juergen Mueller", Level.EXACT),
        ("Юлия Иванова", "Yulia Ivanova", Level.EXACT),
        ("Dr. Ana de la Cruz", "Ana Cruz", Level.EXACT),
        ("Robert Smith", "Bob Smith", Level.NICKNAME),
        ("Thomas Okafor", "Tom Okafor", Level.NICKNAME),
        ("P. Raman", "Priya Raman", Level.INITIAL),
        ("Anna Maria Weber", "Anna Weber", Level.PART),
        ("Piotr Wiśniewski", "Piotr Wisnewski", Level.TYPO),
        ("Sarah", "Sarah Lindqvist", Level.GIVEN),
        ("Anna Schmidt", "Anna Kaya", Level.FAMILY_CHANGED),
        ("Anna Schmidt", "Tom Schmidt", Level.CONFLICT),
        ("Hans Müller", "Heike Müller", Level.CONFLICT),
    ],
)
def test_names_agree_as_far_as_they_do(a, b, level):
    assert agree(a, b) is level
    assert agree(b, a) is level


@pytest.mark.parametrize("text", ["", "Acme GmbH", "priya@example.org", "Team 7", "noreply", "x" * 81])
def test_what_is_no_persons_name(text):
    assert names.parse(text) is None


def test_addresses_and_numbers_have_one_spelling():
    assert identities.email("Priya.Raman+news@GoogleMail.com") == "priyaraman@gmail.com"
    assert identities.email("mailto:A@B.example") == "a@b.example"
    assert identities.email("not an address") is None
    numbers = {
        identities.phone_tail(identities.phone(each))
        for each in ("+49 (0)151 1234 5678", "0049 151 12345678", "0151/12345678", "tel:+4915112345678")
    }
    assert numbers == {"112345678"}
    assert identities.phone("12") is None
    assert identities.organisation_domain("x@mail.uni.ac.uk") == "uni.ac.uk"
    assert identities.organisation_domain("x@gmail.com") is None
    assert identities.is_role("no-reply@shop.example")
    assert not identities.is_role("ines@shop.example")


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("AMZN Mktp DE*2X3RT LUXEMBOURG", "Amazon"),
        ("REWE SAGT DANKE 4412 BERLIN", "REWE"),
        ("SUMUP *COPPER KETTLE CAFE", "Copper Kettle Cafe"),
        ("COPPER KETTLE CAFE 0043 DEU", "Copper Kettle Cafe"),
        ("LINDENHOF APOTHEKE//BERLIN/DE", "Lindenhof Apotheke"),
        ("PAYPAL *SPOTIFY", "Spotify"),
        ("Northgate Fitness GmbH", "Northgate Fitness"),
        ("Hausverwaltung Süd", "Hausverwaltung Süd"),
        ("4711", "4711"),
    ],
)
def test_payees_have_one_name(printed, name):
    assert payees.normal(printed)[0] == payees.normal(name)[0]
    assert payees.normal(printed)[1].casefold() == name.casefold()


def test_projects_are_found_by_rules_and_everyday_words_are_none():
    found = dict(
        projects.found(["Project Atlas weekly", "ATL-42 fix", "#heron sync", "[Falcon] review", "Silver Birch plan"])
    )
    assert found == {
        "atlas": "Atlas",
        "atl": "ATL",
        "heron": "heron",
        "falcon": "Falcon",
        "?silver birch": "Silver Birch",
    }
    assert not dict(
        projects.found(["Team Lunch", "Sprint Planning", "Happy Birthday", "Re: Invoice", "UTF-8 question"])
    )
    assert list(projects.folders("Archive/Projects/heron")) == ["Heron"]


def test_a_signature_is_the_writers_and_not_the_quoted_ones():
    mail = "Hi,\nyes.\n\nBest regards,\nPriya Raman\nHead of Product\nTel. +49 151 12345678\n\nOn Monday Tom wrote:\n> Cheers,\n> Tom\n> +49 151 99999999"
    found = signatures.found(mail)
    assert (found.name, found.phones) == ("Priya Raman", ("+4915112345678",))
    assert signatures.found("no signature here +49 151 12345678") == signatures.Signature()


@settings(max_examples=60, deadline=None)
@given(TEXT, TEXT)
def test_whatever_is_written_names_are_symmetric_and_nothing_is_raised(a, b):
    one, other = names.parse(a), names.parse(b)
    if one is not None and other is not None:
        assert names.agree(one, other) is names.agree(other, one)
        assert names.agree(one, one) in (Level.EXACT, Level.GIVEN)
    assert 0 <= names.similarity(a, b) <= 1
    signatures.found(a + "\n-- \n" + b)
    list(projects.found([a, b]))
    payees.normal(a)
    extraction.person(a, scope=b)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda each: st.lists(each, max_size=3),
    max_leaves=5,
)
FIELDS = ("uid", "name", "given_name", "emails", "phones", "organization", "addresses", "categories", "relations", "people",
          "organizer", "title", "location", "instance", "sender", "sender_name", "recipients", "subject", "text", "thread",
          "channel", "folder", "payee", "amount", "account_id", "birthday", "is_organization", "nicknames")  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(extraction.KINDS), st.dictionaries(st.sampled_from(FIELDS), VALUE))
def test_no_record_breaks_the_reader_and_each_mention_is_one_atom(kind, fields):
    record = {**fields, "kind": kind, "id": "life_x", "at": "2026-01-01T00:00:00.000Z"}
    found = extraction.mentions(record)
    assert found == extraction.mentions(record)
    assert len(set(found)) == len(found)
    assert all(each.key[1] == ":" and each.key[2:] for each in found)
