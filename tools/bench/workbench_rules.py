"""Rules that read the words of a WorkBench task and say what to do: no model, only the words and the five tables.

A task is a condition (or none), what to do if it holds, and what else. Each is found by its clues; a task with words
that no rule knows is left alone (None), never guessed at. Written on the dev half of `workbench.is_dev` only.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

Row = dict[str, Any]
Call = tuple[str, dict[str, str]]
TODAY = date(2023, 11, 30)
NOW = "2023-11-30 00:00:00"
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
METRICS = {"total visits": "total_visits", "average session duration": "session_duration_seconds",
           "engaged users": "user_engaged"}  # fmt: skip
SOURCES = ("direct", "referral", "search engine", "social media")
BOARDS = ("Back end", "Front end", "Design")
STATUSES = ("Qualified", "Won", "Lost", "Lead", "Proposal")
PRODUCTS = ("Software", "Hardware", "Services", "Consulting", "Training")
LISTS = {"in progress": "In Progress", "in review": "In Review", "completed": "Completed", "backlog": "Backlog"}


class Unknown(Exception):
    """Words that no rule knows."""


def solve(query: str, data: dict[str, list[Row]]) -> list[Call] | None:
    """What to do about a task, or None."""
    try:
        return _Task(query.strip(), data).answer()
    except Unknown:
        return None


class _Task:
    def __init__(self, query: str, data: dict[str, list[Row]]) -> None:
        self.words, self.low, self.data = query, query.lower(), data
        rows = [*data["calendar"], *data["project_management"], *data["customer_relationship_manager"]]
        emails = {each.get("participant_email") or each.get("assigned_to_email") for each in rows}
        emails |= {each["sender/recipient"] for each in data["email"]}
        self.emails = {each.partition(".")[0]: each for each in emails if each and each.endswith("@atlas.com")}
        self.people = [each for each in re.findall(r"[a-z]+", self.low) if each in self.emails]

    def answer(self) -> list[Call]:
        holds = self.condition()
        then, _, other = self.divided()
        if holds is None:
            return self.acts(self.words)
        return self.acts(then) if holds else self.acts(other) if other.strip(" .?'") else []

    def divided(self) -> tuple[str, str, str]:
        found = re.search(r"\botherwise\b|\bIf not,? say\b", self.words, re.I)
        if found is None:
            return self.words, "", ""
        says = "say in the email " if "say" in found[0].lower() else ""
        return self.words[: found.start()], found[0], says + self.words[found.end() :].removeprefix(" in the email")

    # -- conditions ----------------------------------------------------------------------------------------------

    def condition(self) -> bool | None:
        low = self.low
        if found := re.search(r"(more|less) than (\d+)(?: since)? at any time|(more|less) than (\d+) any time", low):
            word, bound = found[1] or found[3], int(found[2] or found[4])
            values = [self.metric(self.metrics()[0], day) for day in self.days(self.since())]
            return any(each > bound if word == "more" else each < bound for each in values)
        if "overdue" in low and re.search(r"\bif\b|might have", low) and "fewest" not in low:
            return bool(self.overdue(self.person()))
        if re.search(r"spoken? to", low):
            customer = self.customer()
            days = self.length(low) or 14
            return bool(customer["last_contact_date"] < str(TODAY - timedelta(days)))
        if re.search(r"sent me any emails", low):
            after = f"{TODAY - timedelta(self.length(low))} 00:00:00"
            mails = [each for each in self.inbox() if each["sender/recipient"] == self.email()]
            return not any(each["sent_datetime"] >= after for each in mails)
        if re.search(r"meetings? (scheduled )?with \w+ in the next|any meetings scheduled with", low):
            until = f"{TODAY + timedelta(self.length(low))} 23:59:59"
            return not any(NOW <= each["event_start"] <= until for each in self.meetings())
        if re.search(r"(haven't|i've|last time i) met with", low) and re.search(r"\d+ days", low):
            after = f"{TODAY - timedelta(self.length(low))} 00:00:00"
            return not any(after <= each["event_start"] < NOW for each in self.meetings())
        if "traffic from" in low:
            one, other = re.findall(r"|".join(SOURCES), low.partition("traffic from")[2])[:2]
            days = self.days(self.since())
            counts = Counter(each["traffic_source"] for each in self.data["analytics"] if each["date_of_visit"] in days)
            return counts[one] > counts[other]
        if "percent growth" in low or "grew by" in low:
            first, second = self.metrics()[:2]
            return self.growth(first, self.since()) > self.growth(second, self.since())
        if found := re.search(r"more than (\d+)% (higher|lower)", low):
            return self.differs(int(found[1]) / 100, found[2])
        if re.match(r"(if|is|was|did|check|has)\b", low) or re.search(r"\bif (so|not|they|it|the)\b", low):
            raise Unknown
        return None

    def differs(self, ratio: float, word: str) -> bool:
        name, since = self.metrics()[0], self.since()
        if "previous" in self.low:
            day = self.day(re.search("|".join(DAYS), self.low)[0], back=True)  # type: ignore[index]
            new, old = self.metric(name, str(day)), self.metric(name, str(day - timedelta(7)))
        else:
            new, old = self.metric(name, str(TODAY - timedelta(1))), self.metric(name, str(since))
        if not old:
            raise Unknown
        change = (new - old) / old
        return change > ratio if word == "higher" else change < -ratio

    def growth(self, name: str, since: date) -> float:
        old = self.metric(name, str(since))
        if not old:
            raise Unknown
        return (self.metric(name, str(TODAY - timedelta(1))) - old) / old

    # -- what to do --------------------------------------------------------------------------------------------------

    def acts(self, part: str) -> list[Call]:
        low = part.lower()
        found: list[Call] = []
        if re.search(r"plot|chart|histogram|distribution", low):
            return self.plots(low)
        if re.search(r"delete (all )?(the )?(leads|\w+'s (new )?leads)", low):
            leads = [each for each in self.customers(self.email()) if each["status"] == "Lead"]
            found += [
                ("customer_relationship_manager.delete_customer", {"customer_id": each["customer_id"]})
                for each in leads
            ]
        if "task" in low and re.search(r"'Improve", part):
            found.append(self.improvement(part))
        if re.search(r"meeting", low) and re.search(r"called|call it|event", low) and re.search(r"schedule|book", low):
            found.append(self.meeting(part))
        if re.search(r"\bemail(s)?\b.*(titled|title|say)|saying|say\b", low) and re.search(r"'", part) and (
            "email" in low or "say" in low
        ) and not re.search(r"reply|get back to \w+'s|forward|find the email|email from", low):  # fmt: skip
            found.append(self.send(part))
        if re.search(r"give them all \w+'s leads", low):
            owner = re.search(r"give them all (\w+)'s leads", low)[1]  # type: ignore[index]
            leads = [each for each in self.customers(self.emails[owner]) if each["status"] == "Lead"]
            found += [self.customer_now(each, "assigned_to_email", self.email()) for each in leads]
        if found:
            return found
        bare = re.sub(r"(?<=\s)'.*?'(?=[\s.?]|$)", "''", low, flags=re.S)  # without the names of things
        if re.search(r"\b(rename|change the name)\b", bare):
            return self.calendar(part)
        if "crm" in bare or "customer" in bare or re.search(r"\blead", bare):
            return self.crm(part)
        if "email" in bare or "forward" in bare:
            return self.mails(part)
        if "task" in bare:
            return self.tasks(part)
        if "email" in low:
            return self.mails(part)
        if re.search(r"meeting|event|cancel|rename", low):
            return self.calendar(part)
        raise Unknown

    def plots(self, low: str) -> list[Call]:
        kind = next((each for each in ("bar", "line", "scatter", "histogram") if re.search(rf"\b{each}\b", low)),
                    "histogram" if "distribution" in low else "line")  # fmt: skip
        until = str(TODAY - timedelta(1))
        if "popular traffic" in low:
            days = self.days(self.since())
            counts = Counter(each["traffic_source"] for each in self.data["analytics"] if each["date_of_visit"] in days)
            order = sorted(counts, key=lambda each: counts[each], reverse="most" in low)
            names, since = ["visits_" + order[0].replace(" ", "_")], self.since()
        elif "traffic from" in low:
            names = ["visits_" + each.replace(" ", "_") for each in
                     re.findall("|".join(SOURCES), low.partition("traffic from")[2])[:2]]  # fmt: skip
            since = self.since()
        else:
            names, since = self.metrics(), self.since()
            if "both" not in low and " and " not in low and "grew" not in low and "growth" not in low:
                names = names[:1]
        if "previous" in low:
            day = self.day(re.search("|".join(DAYS), low)[0], back=True)  # type: ignore[index]
            since, until = day - timedelta(7), str(day)
        if "between" in low:
            dates = self.dates()
            since, until = dates[0], str(dates[1])
        elif re.search(r" on (" + "|".join(MONTHS) + ")", low):
            since = self.dates()[0]
            until = str(since)
        return [("analytics.create_plot", {"time_min": str(since), "time_max": until, "value_to_plot": METRICS.get(each, each),
                                           "plot_type": kind}) for each in dict.fromkeys(names)]  # fmt: skip

    def improvement(self, part: str) -> Call:
        title = re.search(r"'(Improve [^']+)'", part)
        assert title
        who = self.email() if "the person with" not in part else self.busiest()
        friday = TODAY + timedelta((4 - TODAY.weekday()) % 7 + 7)
        return ("project_management.create_task", {"task_name": title[1], "board": "Front end", "assigned_to_email": who,
                                                   "due_date": str(friday), "list_name": "Backlog"})  # fmt: skip

    def busiest(self) -> str:
        done = [
            each
            for each in self.data["project_management"]
            if each["board"] == "Front end" and each["list_name"] == "Completed"
        ]
        return Counter(each["assigned_to_email"] for each in done).most_common(1)[0][0]

    def meeting(self, part: str) -> Call:
        low = part.lower()
        said = re.search(r"(?:meeting|event|with)[^']*(?:called|call it) '([^']+)'", part)
        name = said or re.search(r"(?:called|call it) '([^']+)'", part) or re.search(
            r"(?:event|meeting) called (.+?) on (?:" + "|".join(MONTHS) + ")", part, re.I)  # fmt: skip
        who = self.customer()["assigned_to_email"] if re.search(r"assigned ?to them|isassigned|whoever", low) else None
        minutes = self.minutes(low)
        if "the email from" in low:
            mail = self.found_mail()
            return self.event(
                mail["subject"], mail["sender/recipient"], f"{self.dates()[-1] if 'for' in low else ''}", low, minutes
            )
        title = name[1] if name else "catch-up"
        email = who or self.email()
        if re.search(r"i'm free|slot|i can do", low):
            start = self.free(minutes)
            return ("calendar.create_event", {"event_name": title, "participant_email": email, "event_start": start,
                                              "duration": str(minutes)})  # fmt: skip
        weekday = re.search(r"\bfor (" + "|".join(DAYS) + ")", low)
        day = self.day(weekday[1], back=False) if weekday else self.dates()[0]
        return self.event(title, email, str(day), low, minutes)

    def found_mail(self) -> Row:
        about = re.search(r"about '?(Update on .+?|Task Update on .+?)'?(?: and schedule|\?|\.|$)", self.words)
        if about is None:
            raise Unknown
        on = re.search(r"email from (\w+ \d+)", self.low)
        day = str(self.dated(on[1])) if on else ""
        mails = [
            each
            for each in self.inbox()
            if each["subject"].lower() == about[1].lower() and each["sent_datetime"].startswith(day)
        ]
        if not mails:
            raise Unknown
        return mails[-1]

    def event(self, name: str, email: str, day: str, low: str, minutes: int) -> Call:
        if "the email from" in low:
            on = re.search(r"for (\w+ \d+)", low)
            if on is None:
                raise Unknown
            day = str(self.dated(on[1]))
        at = re.search(r"\bat (\d{1,2})(?::(\d\d))?", low)
        if at is None:
            raise Unknown
        hour = int(at[1]) + (12 if int(at[1]) < 8 else 0)
        return ("calendar.create_event", {"event_name": name, "participant_email": email,
                                          "event_start": f"{day} {hour:02}:{at[2] or '00'}:00", "duration": str(minutes)})  # fmt: skip

    def free(self, minutes: int) -> str:
        """The first gap of tomorrow between nine and six."""
        day = TODAY + timedelta(1)
        taken = sorted(
            (datetime.fromisoformat(each["event_start"]), int(each["duration"]))
            for each in self.data["calendar"] if each["event_start"].startswith(str(day))
        )  # fmt: skip
        start = datetime(day.year, day.month, day.day, 9)
        for begins, length in taken:
            if begins >= start + timedelta(minutes=minutes):
                break
            start = max(start, begins + timedelta(minutes=length))
        return str(start)

    def send(self, part: str) -> Call:
        low = part.lower()
        if "event" in low and "first event" in low:
            event = self.on_day(self.dates()[0])[0]
            body = re.search(r"'(Remember[^']+)'", part)
            assert body
            return (
                "email.send_email",
                {"recipient": event["participant_email"], "subject": event["event_name"], "body": body[1]},
            )
        title = re.search(r"(?:titled|title it) '(.+?)'(?: ?saying|\.| |\?|$)", part) or re.search(
            r"titled '(.+?)' ?saying", self.words)  # fmt: skip
        body = re.search(
            r"(?:saying|email them with|email '|with|say(?: in the email)?) '(.+?)'(?:\.|\s|$| titled| and|')",
            part,
            re.S,
        )
        body = body or re.search(r"'(.+?)'", part.split("say", 1)[-1])
        subject = title[1] if title else None
        if subject in METRICS and re.search("stable", part):
            subject = f"Recent {subject}"
        if subject is None and (found := re.search(r"titled '([^']+)'", self.words)):
            subject = found[1]
        if subject is None or body is None:
            raise Unknown
        text = re.split(r"'\.? titled '", body[1])[0].removesuffix("'")
        whole = re.search(
            r"saying '(.+)'(?= and title it| titled|\.? ?(?:Otherwise|otherwise|If not)|\s*\?*'*$| and then)",
            part,
            re.S,
        )
        if whole:
            text = re.split(r"' titled '", whole[1])[0].removesuffix("'")
        address = re.search(r"[\w.]+@atlas\.com", self.words)
        return ("email.send_email", {"recipient": address[0] if address else self.email(), "subject": subject,
                                     "body": text.replace("\\n", "\n")})  # fmt: skip

    def crm(self, part: str) -> list[Call]:
        low = part.lower()
        products = [each for each in PRODUCTS if each.lower() in low]
        if re.search(r"new lead", low):
            name = re.search(r"\b([A-Z][a-z]+ [A-Z][a-z]+)\b", re.sub(r"^(Add|Can|We|I) ", "", part))
            if name is None:
                raise Unknown
            who = self.least_overdue() if "fewest overdue" in low else self.emails[self.people[-1]]
            return [("customer_relationship_manager.add_customer", {"customer_name": name[1], "assigned_to_email": who,
                                                                    "status": "Lead"})]  # fmt: skip
        if "haven't responded" in low:
            weeks = int(re.search(r"(\d+) weeks", low)[1])  # type: ignore[index]
            before = str(TODAY - timedelta(weeks=weeks))
            late = [each for each in self.data["customer_relationship_manager"] if each["status"] == "Proposal"
                    and each["product_interest"] == products[0] and each["last_contact_date"] < before]  # fmt: skip
            return [self.customer_now(each, "status", "Lost") for each in late]
        if "all of" in low:
            owner = re.search(r"all of (\w+)'s", low)[1]  # type: ignore[index]
            rows = [
                each
                for each in self.customers(self.emails[owner])
                if not products or each["product_interest"] in products
            ]
            if "stage" in low:
                stage = next(each for each in STATUSES if re.search(rf"the {each.lower()} stage", low))
                rows = [each for each in rows if each["status"] == stage]
                return [
                    ("customer_relationship_manager.delete_customer", {"customer_id": each["customer_id"]})
                    for each in rows
                ]
            wanted = {"Qualified", "Proposal"} if "qualified" in low else {"Lead"}
            to = next(each for each in self.people if each != owner)
            return [
                self.customer_now(each, "assigned_to_email", self.emails[to])
                for each in rows
                if each["status"] in wanted
            ]
        customer = self.customer()
        if re.search(r"delete|no longer", low):
            return [("customer_relationship_manager.delete_customer", {"customer_id": customer["customer_id"]})]
        if re.search(r"reassign|taking over|moving|assign", low) and self.people:
            return [
                self.customer_now(
                    customer, "assigned_to_email", self.emails[self.people[-1 if "taking" not in low else 0]]
                )
            ]
        status = [each for each in STATUSES if re.search(rf"\b{each.lower()}\b", low)]
        if len(status) != 1:
            raise Unknown
        return [self.customer_now(customer, "status", status[0])]

    def tasks(self, part: str) -> list[Call]:
        low = part.lower()
        if re.search(r"new task|add a", low):
            title = re.search(r"called (.+?) and assign", part)
            board = next((each for each in BOARDS if each.lower() in low.replace("-", " ")), None)
            if title is None or board is None:
                raise Unknown
            return [("project_management.create_task", {"task_name": title[1], "board": board, "assigned_to_email": self.email(),
                                                        "due_date": str(self.dates()[0]), "list_name": "Backlog"})]  # fmt: skip
        rows = [each for each in self.data["project_management"] if each["assigned_to_email"] == self.email()]
        if "urgent" in low:
            rows = sorted(
                (each for each in rows if each["list_name"] in ("Backlog", "In Progress")),
                key=lambda each: each["due_date"],
            )[:1]
        if "overdue" in low:
            rows = [each for each in rows if each["due_date"] < str(TODAY) and each["list_name"] != "Completed"]
        if "hasn't started" in low or "haven't started" in low or "overdue tasks in the backlog" in low:
            rows = [each for each in rows if each["list_name"] == "Backlog"]
        if "unfinished" in low:
            rows = [each for each in rows if each["list_name"] == "In Progress"]
        named = [LISTS[each] for each in re.findall("|".join(LISTS), low)]
        to = [each for each in self.people if each != self.people[0]]
        if to and re.search(r"reassign|give", low):
            if "in progress" in low:
                rows = [each for each in rows if each["list_name"] == "In Progress"]
            return [self.task_now(each, "assigned_to_email", self.emails[to[-1]]) for each in rows]
        if not named:
            raise Unknown
        if len(named) > 1 and "overdue" not in low:
            rows = [each for each in rows if each["list_name"] == named[0]]
        return [self.task_now(each, "list_name", named[-1]) for each in rows]

    def mails(self, part: str) -> list[Call]:
        low = part.lower()
        about = re.search(r"about '([^']+)'", part)
        inbox = [each for each in self.inbox() if about is None or each["subject"].lower() == about[1].lower()]
        if re.search(r"repl|get back", low):
            mine = [each for each in inbox if each["sender/recipient"] == self.email()]
            body = re.search(r" with '(.+?)'?(?:\.? Can you| *$|'$)", part, re.S)
            if not mine or body is None:
                raise Unknown
            text = body[1].rstrip("'") + ("." if body[0].endswith(". Can you") and "'. Can" not in part else "")
            return [("email.reply_email", {"email_id": mine[-1]["email_id"], "body": text})]
        if "forward" in low:
            sender = re.search(r"(?:from) (\w+)", low)
            name = sender[1] if sender and sender[1] in self.emails else None
            to = [each for each in self.people if each != name]
            rows = [each for each in inbox if name is None or each["sender/recipient"] == self.emails[name]]
            if "all the emails" in low:
                begins = f"{TODAY - timedelta(7)} 00:00:00"
                rows = [each for each in rows if each["sent_datetime"] >= begins]
            else:
                rows = rows[-1:]
            return [("email.forward_email", {"email_id": each["email_id"], "recipient": self.emails[who]})
                    for each in rows for who in to]  # fmt: skip
        if re.search(r"delete|get rid", low):
            rows = [each for each in inbox if each["sender/recipient"] == self.email()]
            if found := re.search(r"last (\d+) days", low):
                begins = f"{TODAY - timedelta(int(found[1]))} 00:00:00"
                rows = [each for each in rows if each["sent_datetime"] >= begins]
            else:
                rows = rows[-1:]
            return [("email.delete_email", {"email_id": each["email_id"]}) for each in rows]
        raise Unknown

    def calendar(self, part: str) -> list[Call]:
        low = part.lower()
        events = sorted(self.data["calendar"], key=lambda each: each["event_start"])
        future = [each for each in events if each["event_start"] >= NOW]
        named = {each["event_name"].lower() for each in events}
        if re.search(r"create|schedule|book", low):
            return [self.meeting(part)]
        if found := re.search(
            r"(?:rename|change the name of) the (next|last)(?: (.+?))? (?:meeting|event)(?: on \w+ \d+)? to (.+)",
            part,
            re.I,
        ):
            rows = self.on_day(self.dates()[0]) if found[1].lower() == "last" else [
                each for each in future if each["event_name"].lower() == (found[2] or "").lower()]  # fmt: skip
            chosen = rows[-1] if found[1].lower() == "last" else rows[0]
            return [self.event_now(chosen, "event_name", found[3].rstrip("?."))]
        if found := re.search(r"by (\d+(?:\.\d+)?) (hour|minute)", low):
            rows = [each for each in self.on_day(self.dates()[0]) if each["participant_email"] == self.email()]
            minutes = float(found[1]) * (60 if found[2] == "hour" else 1)
            start = datetime.fromisoformat(rows[0]["event_start"]) + timedelta(minutes=minutes)
            return [self.event_now(rows[0], "event_start", str(start))]
        if not re.search(r"cancel|delete|don't need|decided", low):
            raise Unknown
        about = next((each for each in sorted(named, key=len, reverse=True) if each in low), None)
        if found := re.search(r"\bon (" + "|".join(DAYS) + r") (before|after) (\d+)(?::(\d+))?", low):
            hour = int(found[3]) + (12 if int(found[3]) < 8 else 0)
            rows = self.on_day(self.day(found[1], back=False))
            bound = f"{hour:02}:{found[4] or '00'}:00"
            rows = [
                each
                for each in rows
                if (each["event_start"][11:] < bound) == (found[2] == "before") and each["event_start"][11:] != bound
            ]
        elif "first meeting" in low:
            rows = self.on_day(self.dates()[0])[:1]
        else:
            rows = [each for each in future if (about is None or each["event_name"].lower() == about)
                    and (not self.people or each["participant_email"] == self.email())]  # fmt: skip
            if about is None and not self.people:
                raise Unknown
            if "next" in low:
                rows = rows[:1]
        return [("calendar.delete_event", {"event_id": each["event_id"]}) for each in rows]

    # -- things ------------------------------------------------------------------------------------------------------

    def person(self) -> str:
        if not self.people:
            raise Unknown
        return self.people[0]

    def email(self) -> str:
        return self.emails[self.person()]

    def inbox(self) -> list[Row]:
        return sorted(
            (each for each in self.data["email"] if each["inbox/outbox"] == "inbox"),
            key=lambda each: each["sent_datetime"],
        )

    def meetings(self) -> list[Row]:
        return [each for each in self.data["calendar"] if each["participant_email"] == self.email()]

    def on_day(self, day: date) -> list[Row]:
        found = sorted((each for each in self.data["calendar"] if each["event_start"].startswith(str(day))),
                       key=lambda each: each["event_start"])  # fmt: skip
        if not found and "cancel my meetings" not in self.low and "meetings on" not in self.low:
            raise Unknown
        return found

    def customers(self, email: str) -> list[Row]:
        return [each for each in self.data["customer_relationship_manager"] if each["assigned_to_email"] == email]

    def customer(self) -> Row:
        rows = [
            each for each in self.data["customer_relationship_manager"] if each["customer_name"].lower() in self.low
        ]
        if len(rows) != 1:
            raise Unknown
        return rows[0]

    def overdue(self, name: str) -> list[Row]:
        return [each for each in self.data["project_management"] if each["assigned_to_email"] == self.emails[name]
                and each["list_name"] != "Completed" and each["due_date"] < str(TODAY)]  # fmt: skip

    def least_overdue(self) -> str:
        rows = self.data["project_management"]
        late = [each for each in rows if each["list_name"] != "Completed" and each["due_date"] < str(TODAY)]
        counts = Counter(each["assigned_to_email"] for each in late)  # who has none is not among them
        return min(sorted(counts), key=lambda each: counts[each])

    @staticmethod
    def customer_now(row: Row, field: str, value: str) -> Call:
        return (
            "customer_relationship_manager.update_customer",
            {"customer_id": row["customer_id"], "field": field, "new_value": value},
        )

    @staticmethod
    def task_now(row: Row, field: str, value: str) -> Call:
        return ("project_management.update_task", {"task_id": row["task_id"], "field": field, "new_value": value})

    @staticmethod
    def event_now(row: Row, field: str, value: str) -> Call:
        return ("calendar.update_event", {"event_id": row["event_id"], "field": field, "new_value": value})

    # -- words ---------------------------------------------------------------------------------------------------

    def metrics(self) -> list[str]:
        found = list(dict.fromkeys(re.findall("|".join(METRICS), self.low)))
        if not found:
            raise Unknown
        return found

    def metric(self, name: str, day: str) -> float:
        rows = [each for each in self.data["analytics"] if each["date_of_visit"] == day]
        if name == "total visits":
            return len(rows)
        if name == "engaged users":
            return sum(each["user_engaged"] == "True" for each in rows)
        return sum(float(each["session_duration_seconds"]) for each in rows) / len(rows) if rows else 0.0

    def days(self, since: date) -> list[str]:
        return [str(since + timedelta(each)) for each in range((TODAY - since).days)]

    def since(self) -> date:
        if found := re.search(r"(?:last|past) (\d+) weeks", self.low):
            return TODAY - timedelta(weeks=int(found[1]))
        if dates := self.dates():
            return dates[0]
        if found := re.search("|".join(DAYS), self.low):
            return self.day(found[0], back=True)
        raise Unknown

    def dates(self) -> list[date]:
        found = re.findall(r"\d{4}-\d\d-\d\d|(?:" + "|".join(MONTHS) + r") \d{1,2}", self.low)
        return [self.dated(each) for each in found]

    @staticmethod
    def dated(text: str) -> date:
        if text[0].isdigit():
            return date.fromisoformat(text)
        month, _, day = text.partition(" ")
        if month not in MONTHS:
            raise Unknown
        return date(TODAY.year, MONTHS.index(month) + 1, int(day))

    @staticmethod
    def day(name: str, *, back: bool) -> date:
        """The last day of that name before today, or the next after it."""
        difference = DAYS.index(name) - TODAY.weekday()
        return TODAY - timedelta(-difference % 7 or 7) if back else TODAY + timedelta(difference % 7 or 7)

    @staticmethod
    def length(low: str) -> int:
        if "fortnight" in low:
            return 14
        found = re.search(r"(\d+) (day|week)", low)
        if found is None:
            return 0
        return int(found[1]) * (7 if found[2] == "week" else 1)

    @staticmethod
    def minutes(low: str) -> int:
        if re.search(r"half[- ]hour", low):
            return 30
        found = re.search(r"(\d+(?:\.\d+)?)[- ](hour|minute)", low)
        if found is None:
            raise Unknown
        return round(float(found[1]) * (60 if found[2] == "hour" else 1))
