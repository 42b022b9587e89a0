"""Synthetic lives whose truth is known: who is behind which address, number and written name, who worked where and when.

Seeded: the same seed gives the same life. Nobody's data went in. What makes it hard, on purpose: nicknames, typos,
initials, middle names, either order, umlauts and their spellings, changed family names, several addresses and changed
employers of one person; two people of one name (some at one firm), households that share a number or an address,
first names alone in chats, offices' addresses, the same payee in many spellings.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
START = datetime(2023, 1, 2, 8, tzinfo=UTC)
DAYS = 1300
ME = "user"
_GIVEN = {
    "Katharina": ["Kathi", "Katja"], "Michael": ["Mike", "Micha"], "Elizabeth": ["Liz", "Beth"], "Robert": ["Bob", "Rob"],
    "Alexandra": ["Alex", "Sasha"], "Thomas": ["Tom"], "Susanne": ["Susi"], "Andreas": ["Andi"], "William": ["Bill", "Will"],
    "Christopher": ["Chris"], "Margaret": ["Peggy", "Maggie"], "Jonathan": ["Jon"], "Friedrich": ["Fritz"],
    "Benjamin": ["Ben"], "Priya": [], "Rahul": [], "Ananya": [], "Wei": [], "Mei": [], "Hiroshi": [], "Fatima": [],
    "Yusuf": [], "Olena": [], "Dmitri": ["Dima"], "Ingrid": [], "Jürgen": [], "Günter": [], "Zoë": [], "François": [],
    "Lucía": [], "José": ["Pepe"], "Giulia": [], "Matteo": [], "Agnieszka": ["Aga"], "Piotr": [], "Ayşe": [],
    "Patricia": ["Pat", "Trish"], "Samuel": ["Sam"], "Samantha": ["Sam"], "Nicholas": ["Nick"], "Victoria": ["Vicky"],
    "Gabriele": ["Gabi"], "Wolfgang": ["Wolf"], "Matthias": ["Matze"], "Sebastian": ["Basti"], "Anna": ["Annie"],
    "Julia": ["Jule"], "Laura": [], "Daniel": ["Dan"], "Edward": ["Ted", "Ed"], "Charlotte": ["Lotte"], "Ines": [],
    "Deborah": ["Debbie"], "Vijay": [], "Lakshmi": [], "Chen": [], "Noah": [], "Emma": [], "Leonie": ["Leo"], "Tariq": [],
}  # fmt: skip
_FAMILY_NAMES = """Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Böhm Kühn Jäger Größmann Krüger
Smith Johnson Williams Brown Jones Davis Miller Wilson Anderson Thompson Clarke Okafor Adeyemi Mensah Raman Sharma Patel
Iyer Krishnan Banerjee Wang Li Zhang Chen Liu Tanaka Suzuki Nakamura Kowalski Nowak Wiśniewski Rossi Bianchi García
Fernández López Dubois Lefèvre Moreau Yılmaz Demir Öztürk Ivanov Petrov Shevchenko Lindqvist Johansson Sørensen Haugen
van_der_Berg de_Vries O'Brien McAllister Fitzgerald Harrington Ashworth Pemberton Castellanos Abernathy Wójcik Svoboda
Horvath Papadopoulos Haddad Rahimi Nguyen Tran Pham Kim Park Choi Kaur Gill Fonseca Almeida Ribeiro"""
_FAMILY = _FAMILY_NAMES.split()
_FIRMS = """Brightloom Systems;Kettlebrook Analytics;Nordlicht Energie;Harborline Logistics;Quillmark Press;Ferrodyne Works;
Silberbach Pharma;Tidewater Software;Obsidian Labs;Marigold Foods;Apex Meridian;Copperleaf Design;Wolkenstein Medien;
Juniper Ridge Capital;Stonegate Insurance;Helix Foundry;Lumenfield Robotics;Aldermoor Consulting;Papaya Mobility;Vantor Steel"""
_PROVIDERS = ("gmail.com", "gmx.de", "outlook.com", "web.de", "icloud.com", "yahoo.com")
_PAYEES = {
    "Amazon": ["AMZN Mktp DE*2X3RT", "Amazon.de*1F8KQ", "AMAZON EU SARL LUXEMBOURG", "AMZN MKTP DE*9Z1"],
    "REWE": ["REWE SAGT DANKE 4412 BERLIN", "REWE Markt GmbH 1133", "Rewe Berlin Mitte"],
    "Copper Kettle Cafe": ["SUMUP *COPPER KETTLE CAFE", "Copper Kettle Cafe BERLIN", "COPPER KETTLE CAFE 0043 DEU"],
    "Lindenhof Apotheke": ["LINDENHOF APOTHEKE//BERLIN/DE", "Lindenhof Apotheke", "Kartenzahlung Lindenhof Apotheke"],
    "Northgate Fitness": ["NORTHGATE FITNESS GMBH", "Northgate Fitness", "LASTSCHRIFT: Northgate Fitness GmbH"],
    "Velo Werkstatt": ["SQ *VELO WERKSTATT", "Velo Werkstatt Berlin", "VELO WERKSTATT 77120"],
    "Stadtwerke Ahrenfeld": ["STADTWERKE AHRENFELD", "Stadtwerke Ahrenfeld GmbH"],
    "Spotify": ["Spotify AB P0912", "PAYPAL *SPOTIFY", "Spotify Stockholm"],
}
_STREETS = ["Lindenstraße", "Parkweg", "Hauptstraße", "Rosenallee", "Kirchgasse", "Bergstraße", "Seeufer", "Amselweg"]


@dataclass
class Job:
    """Where somebody worked, from and until which day of the life."""

    firm: str
    domain: str
    first: int
    last: int
    address: str


@dataclass
class Person:
    """One person as they truly are."""

    id: str
    given: str
    family: str
    calls: list[str]
    jobs: list[Job] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    phone: str = ""
    birthday: str = ""
    address: str = ""
    in_book: bool = False
    activity: float = 1.0
    family_of_user: str = ""
    middle: str = ""

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.given} {self.family}"


@dataclass
class Life:
    """Records, and the truth behind them."""

    records: list[Record]
    people: dict[str, Person]
    references: dict[tuple[str, ...], str]
    """Who is behind each written thing: ("e", address), ("p", number), ("c", uid), ("n", scope, name)."""
    fields: dict[tuple[str, ...], Record]
    """What a peer sees of each: names, email, phone, company."""
    works_at: set[tuple[str, str, int, int]] = field(default_factory=set)
    families: set[tuple[str, str]] = field(default_factory=set)
    attends: set[tuple[str, str]] = field(default_factory=set)
    members: set[tuple[str, str]] = field(default_factory=set)
    payees: dict[str, str] = field(default_factory=dict)
    seen: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Days on which a person was seen with an address of a firm."""


def plain(text: str, *, german: bool = False) -> str:
    """A name as it stands in an address."""
    import unicodedata

    text = text.replace("ß", "ss").replace("ø", "o").replace("ł", "l").replace("ı", "i").replace("_", "")
    if german:
        for letter, spelt in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
            text = text.replace(letter, spelt).replace(letter.upper(), spelt.title())
    told = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in told if letter.isascii() and letter.isalpha())


def make(seed: int, people: int = 250, messages: int = 6000, events: int = 1500, payments: int = 1000) -> Life:
    """A life of `people` people in about messages + events + payments records."""
    return _Maker(seed, people).run(messages, events, payments)


class _Maker:
    def __init__(self, seed: int, people: int) -> None:
        self.random = random.Random(seed)
        self.firms = [firm.strip() for firm in _FIRMS.replace("\n", "").split(";")]
        self.domains = {
            firm: f"{plain(firm.split()[0])}.{self.random.choice(['com', 'de', 'io'])}" for firm in self.firms
        }
        self.taken: set[str] = set()
        self.people: dict[str, Person] = {}
        for number in range(people):
            self._person(f"p{number}")
        self.me = Person(ME, "Robin", "Falkenberg", [], activity=0)
        self.me.private = ["robin.falkenberg@posteo.de"]
        self._jobs(self.me, firms=2)
        self.life = Life([], self.people, {}, {})
        self.book_names: dict[str, str] = {}

    # -- people ----------------------------------------------------------------------------------------------------

    def _person(self, name: str) -> None:
        pick, others = self.random, list(self.people.values())
        given, family = pick.choice(list(_GIVEN)), pick.choice(_FAMILY).replace("_", " ")
        if others and pick.random() < 0.04:  # two people of one name
            twin = pick.choice(others)
            given, family = twin.given, twin.family
        elif others and pick.random() < 0.06:  # a relative, who may share a number
            family = pick.choice(others).family
        person = Person(name, given, family, list(_GIVEN[given]))
        person.middle = pick.choice(list(_GIVEN)) if pick.random() < 0.1 else ""
        self._jobs(person, firms=pick.choice([0, 1, 1, 1, 2, 2, 3]))
        for _ in range(pick.choice([1, 1, 1, 2]) if not person.jobs or pick.random() < 0.6 else 0):
            person.private.append(self._address(person, pick.choice(_PROVIDERS)))
        person.phone = f"+49 1{pick.randint(50, 79)} {pick.randint(1000000, 9999999)}" if pick.random() < 0.7 else ""
        person.birthday = f"{pick.randint(1950, 2004)}-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}"
        person.address = f"{pick.choice(_STREETS)} {pick.randint(1, 150)}, {pick.randint(10115, 14199)} Berlin"
        person.activity = pick.paretovariate(1.1)
        person.in_book = pick.random() < 0.5
        if not person.in_book and not person.jobs and not person.private:
            person.in_book = True
        self.people[name] = person

    def _jobs(self, person: Person, firms: int) -> None:
        pick, day = self.random, -200
        chosen = pick.sample(self.firms, firms)
        for place, firm in enumerate(chosen):
            last = DAYS + 1 if place == firms - 1 else pick.randint(max(day, 0) + 150, DAYS - 150 * (firms - place - 1))
            address = self._address(person, self.domains[firm], work=True)
            person.jobs.append(Job(firm, self.domains[firm], day, last, address))
            day = last + 1

    def _address(self, person: Person, domain: str, *, work: bool = False) -> str:
        pick = self.random
        german = pick.random() < 0.5
        given, family = plain(person.given, german=german), plain(person.family, german=german)
        call = plain(pick.choice(person.calls)) if person.calls else given
        shapes = [f"{given}.{family}", f"{given[0]}{family}", f"{given}.{family}", f"{given}{family}"]
        if not work:
            shapes += [f"{call}{family}", f"{family}.{given}", f"{call}{pick.randint(60, 99)}", f"{call}_{family}",
                       f"{pick.choice(['moon', 'bike', 'star', 'kite'])}{pick.randint(1, 999)}"]  # fmt: skip
        address = f"{pick.choice(shapes)}@{domain}"
        while address in self.taken:
            local, _, rest = address.partition("@")
            address = f"{local}{pick.randint(2, 99)}@{rest}"
        self.taken.add(address)
        return address

    # -- how they are written --------------------------------------------------------------------------------------

    def _written(self, person: Person) -> str:
        """A display name somebody set up: mostly right, in one of many ways."""
        pick, chance = self.random, self.random.random()
        given, family = person.given, person.family
        if chance < 0.50:
            return person.name
        if chance < 0.60 and person.calls:
            return f"{pick.choice(person.calls)} {family}"
        if chance < 0.68:
            return f"{family}, {given}"
        if chance < 0.73:
            return f"{given[0]}. {family}"
        if chance < 0.78 and person.middle:
            return f"{given} {person.middle} {family}"
        if chance < 0.83:
            return self._typo(person.name)
        if chance < 0.88:
            return person.name.replace("ü", "ue").replace("ö", "oe").replace("ä", "ae").replace("ß", "ss")
        if chance < 0.92:
            return f"{given} {family} ({person.jobs[0].firm})" if person.jobs else person.name.upper()
        if chance < 0.96:
            return given
        return ""

    def _typo(self, text: str) -> str:
        place = self.random.randint(1, len(text) - 2)
        if not (text[place].isalpha() and text[place + 1].isalpha()):
            return text
        kind = self.random.random()
        if kind < 0.4:
            return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        if kind < 0.7:
            return text[:place] + text[place + 1 :]
        return text[:place] + text[place] + text[place:]

    def _addresses(self, person: Person, day: int) -> list[str]:
        jobs = [job.address for job in person.jobs if job.first <= day <= job.last]
        return jobs * 2 + person.private

    # -- records ---------------------------------------------------------------------------------------------------

    def run(self, messages: int, events: int, payments: int) -> Life:
        """Make it all."""
        self.display = {
            a: self._written(p) for p in self.people.values() for a in [*(j.address for j in p.jobs), *p.private]
        }
        self._contacts()
        self._groups = self._make_groups()
        order = list(self.people.values())
        weights = [person.activity for person in order]
        circles = [self.random.sample(order, min(len(order), 8)) for _ in range(max(4, len(order) // 12))]
        for _ in range(messages):
            self._message(order, weights, circles)
        self._events(events, order, weights, circles)
        self._payments(payments)
        self.random.shuffle(self.life.records)
        self._truths()
        return self.life

    def _at(self, day: int) -> str:
        moment = START + timedelta(days=day, minutes=self.random.randint(0, 700))
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def _refer(self, key: tuple[str, ...], who: str, **shown: str) -> None:
        if self.life.references.setdefault(key, who) != who:
            self.life.references[key] = "?"  # one written thing for two people: nobody can tell
        told = self.life.fields.setdefault(key, {"names": [], "emails": [], "phones": []})
        for name, value in shown.items():
            if value and value not in told[name]:
                told[name].append(value)

    def _contacts(self) -> None:
        pick = self.random
        for person in self.people.values():
            if not person.in_book:
                continue
            for copy in range(2 if pick.random() < 0.08 else 1):
                self._contact(person, copy)
        mine = self.me
        self.life.records.append(
            {
                "kind": "life.contact",
                "id": "c_me",
                "uid": "me",
                "at": self._at(0),
                "name": mine.name,
                "emails": [*(job.address for job in mine.jobs), *mine.private],
            }
        )

    def _contact(self, person: Person, copy: int) -> None:
        pick = self.random
        uid = f"{person.id}-{copy}"
        day = pick.randint(0, 60)
        known = [*(job.address for job in person.jobs if job.first <= day), *person.private]
        emails = sorted(address for address in known if pick.random() < 0.55)
        name = person.name if pick.random() < 0.7 else (self._written(person) or person.name)
        if person.calls and pick.random() < 0.1:
            name = f"{pick.choice(person.calls)} {person.family}"
        if pick.random() < 0.03 and not person.family_of_user:
            kin = pick.choice(["Mum", "Dad", "Oma", "Tante Inge"])
            if kin not in self.book_names.values():
                name, person.family_of_user = kin, kin
        record: Record = {"kind": "life.contact", "uid": uid, "name": name, "at": self._at(day)}
        record |= {"emails": emails} if emails else {}
        phone = person.phone
        relatives = [each for each in self.people.values() if each.family == person.family and each is not person]
        if relatives and pick.random() < 0.25:
            phone = relatives[0].phone or phone  # the household's number
            if relatives[0].phone:
                person.phone = phone
                person.address = relatives[0].address
        record |= {"phones": [phone.replace(" ", "")]} if phone and pick.random() < 0.8 else {}
        record |= {"birthday": person.birthday} if pick.random() < 0.35 else {}
        record |= {"addresses": [person.address]} if pick.random() < 0.3 else {}
        jobs = [job for job in person.jobs if job.first <= day <= job.last]
        if jobs and pick.random() < 0.6:
            record["organization"] = jobs[0].firm
            self.life.seen.setdefault((person.id, jobs[0].firm), []).append(day)
        if relatives and pick.random() < 0.3:
            other = relatives[0]
            record["relations"] = [{"type": pick.choice(["spouse", "sibling"]), "name": other.name}]
            self.life.families.add((person.id, other.id))
        record["id"] = f"c_{uid}_0"
        self.life.records.append(record)
        self.book_names.setdefault(person.id, name)
        self._refer(("c", uid), person.id, names=name, phones=phone if "phones" in record else "")
        for address in emails:
            self._refer(("c", uid), person.id, emails=address)
            self._refer(("e", address), person.id, emails=address)
        if "organization" in record and jobs[0].last < DAYS - 100 and pick.random() < 0.7:
            later = next((job for job in person.jobs if job.first > jobs[0].last), None)
            if later:
                newer = record | {"organization": later.firm, "id": f"c_{uid}_1", "at": self._at(later.first + 20)}
                self.life.records.append(newer | {"modified_at": newer["at"]})
                self.life.seen.setdefault((person.id, later.firm), []).append(later.first + 20)

    def _make_groups(self) -> list[tuple[str, list[Person]]]:
        order = list(self.people.values())
        names = ["Choir tenor", "Neighbours 14", "Kita parents", "Ski 2024", "Book circle", "Football Tue"]
        return [(name, self.random.sample(order, min(len(order), 9))) for name in names]

    def _message(self, order: list[Person], weights: list[float], circles: list[list[Person]]) -> None:
        pick = self.random
        day = pick.randint(0, DAYS)
        if pick.random() < 0.15:
            self._chat(day, order, weights)
            return
        if pick.random() < 0.08:
            firm = pick.choice(self.firms)
            self.life.records.append({
                "kind": "life.message", "id": f"m{len(self.life.records)}", "at": self._at(day), "channel": "mail",
                "sender": f"{pick.choice(['newsletter', 'noreply', 'info'])}@{self.domains[firm]}", "sender_name": firm,
                "recipients": self.me.private, "subject": "News of the month"})  # fmt: skip
            return
        group = pick.choice(circles) if pick.random() < 0.35 else [pick.choices(order, weights)[0]]
        writers = [person for person in group if self._addresses(person, day)]
        if not writers:
            return
        others = pick.sample(writers, min(len(writers), pick.randint(1, 4)))
        mine = pick.choice(self._addresses(self.me, day))
        record: Record = {
            "kind": "life.message",
            "id": f"m{len(self.life.records)}",
            "at": self._at(day),
            "channel": "mail",
        }
        record["subject"] = pick.choice(
            ["Project Heron: next steps", "Lunch?", "[Falcon] review", "Invoice", "Photos", "Question"]
        )
        first = others[0]
        address = pick.choice(self._addresses(first, day))
        chosen = {person.id: pick.choice(self._addresses(person, day)) for person in others[1:]}
        for person in others[1:]:
            self._saw(person, chosen[person.id], day)
        self._saw(first, address, day)
        if pick.random() < 0.45:
            record |= {"sender": mine, "sender_name": self.me.name, "sent_by_user": True,
                       "recipients": sorted([address, *chosen.values()])}  # fmt: skip
        else:
            shown = self.display[address]
            record |= {"sender": address, "recipients": sorted([mine, *chosen.values()])}
            record |= {"sender_name": shown} if shown else {}
            self._refer(("e", address), first.id, names=shown, emails=address)
            if pick.random() < 0.3:
                lines = ["Hello,", "see below.", "", "Best regards,", first.name]
                if first.phone and pick.random() < 0.5:
                    lines.append(f"Tel. {first.phone}")
                record["text"] = "\n".join(lines)
        self.life.records.append(record)

    def _saw(self, person: Person, address: str, day: int) -> None:
        self._refer(("e", address), person.id, emails=address)
        for job in person.jobs:
            if job.address == address:
                self.life.seen.setdefault((person.id, job.firm), []).append(day)

    def _chat(self, day: int, order: list[Person], weights: list[float]) -> None:
        pick = self.random
        record: Record = {
            "kind": "life.message",
            "id": f"m{len(self.life.records)}",
            "at": self._at(day),
            "channel": "whatsapp",
        }
        if pick.random() < 0.6:
            thread, members = pick.choice(self._groups)
            person = pick.choice(members)
        else:
            person = pick.choices(order, weights)[0]
            thread = ""
        if person.id in self.book_names:
            name = self.book_names[person.id]
        elif person.phone:
            number = person.phone.replace(" ", "")
            group = thread
            owners = [each for each in self.people.values() if each.phone == person.phone]
            self._refer(("p", number), person.id if len(owners) == 1 else "?", phones=number)
            if group and len(owners) == 1:
                self.life.members.add((person.id, group))
            self.life.records.append(record | {"thread": thread or number, "sender": number, "text": "ok"})
            return
        else:
            return
        thread = thread or name
        scope = f"whatsapp/{thread}"
        if thread != name:
            self.life.members.add((person.id, thread))
        self._refer(("n", scope, name), person.id, names=name)
        self.life.records.append(record | {"thread": thread, "sender": name, "text": "see you"})

    def _events(self, count: int, order: list[Person], weights: list[float], circles: list[list[Person]]) -> None:
        pick = self.random
        series = [
            (f"s{number}", f"{pick.choice(['Weekly', 'Team', 'Board', 'Club'])} meeting {number}", pick.choice(circles))
            for number in range(12)
        ]
        for number in range(count):
            day = pick.randint(0, DAYS)
            mine = pick.choice(self._addresses(self.me, day))
            base: Record = {"kind": "life.event", "id": f"ev{number}", "uid": f"ev{number}", "at": self._at(day)}
            if pick.random() < 0.5:
                uid, title, members = pick.choice(series)
                base |= {"uid": uid, "instance": base["at"], "title": title}
            else:
                members = [pick.choices(order, weights)[0] for _ in range(pick.randint(1, 3))]
                base["title"] = pick.choice(["Lunch", "Call", "Project Heron sync", "Interview"])
                if len(members) == 1 and pick.random() < 0.4:
                    base["title"] = f"Coffee with {members[0].given}"
            people = []
            for person in members:
                addresses = self._addresses(person, day)
                if addresses and pick.random() < 0.8:
                    address = pick.choice(addresses)
                    self._saw(person, address, day)
                    people.append(address)
                    if "instance" in base:
                        self.life.attends.add((person.id, base["title"]))
            base |= {"people": sorted({*people, mine}), "organizer": mine, "ends_at": base["at"]}
            self.life.records.append(base)

    def _payments(self, count: int) -> None:
        pick = self.random
        for number in range(count):
            name = pick.choice(list(_PAYEES))
            payee = pick.choice(_PAYEES[name])
            self.life.payees[payee] = name
            day = pick.randint(0, DAYS)
            at = self._at(day)
            self.life.records.append({
                "kind": "life.transaction", "id": f"t{number}", "at": at, "date": at[:10], "payee": payee,
                "amount": f"-{pick.randint(2, 90)}.{pick.randint(0, 99):02}", "currency": "EUR", "account_id": "giro"})  # fmt: skip

    def _truths(self) -> None:
        """Where each worked, as far as two records or an entry of the address book could tell."""
        told = {(record["uid"].split("-")[0], record["organization"]) for record in self.life.records
                if record["kind"] == "life.contact" and record.get("organization")}  # fmt: skip
        for (who, firm), days in self.life.seen.items():
            if len(days) >= 2 or (who, firm) in told:
                job = next(job for job in self.people[who].jobs if job.firm == firm)
                self.life.works_at.add((who, firm, max(job.first, 0), job.last))
