"""Task ``compose_message``: a subject and a text for people, of what was found; who gets it is the template's word."""

from __future__ import annotations

from roadmap_cli.core.records import Record
from roadmap_cli.wf.agents import models, wording
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.wf.evidence import evidence


def work(spec: Record, desk: Desk) -> Work:
    """By rules: the claims in order, the first of them as the subject. A model may word it, if it adds nothing."""
    about = spec["about"]
    said = list(wording.claims(about))[: spec.get("most", 20)]
    cited = [*dict.fromkeys(name for each in said for name in each.evidence_ids)]
    text = "\n".join(("" if at == 0 else "- ") + each.text for at, each in enumerate(said))
    subject = wording.plain(said[0].text, 120).rstrip(".") if said else "nothing was found"
    output: Record = {"subject": subject, "text": text or "Nothing was found.", "evidence_ids": cited, "by": "rules"}
    if desk.model is not None and said:
        schema = {
            "type": "object", "additionalProperties": False, "required": ["subject", "text"],
            "properties": {
                "subject": {"type": "string"}, "text": {"type": "string"},
            },
        }  # fmt: skip
        audience = spec.get("audience") or "the people on call"
        asked = f"You write a short message to {audience} about what was found out."
        value = desk.model.ask(asked, text, schema, most_tokens=500)
        worded = value if isinstance(value, dict) else {}
        new = models.borne(worded.get("subject"), text, most=120), models.borne(worded.get("text"), text, most=1500)
        if new[0] and new[1]:
            output |= {"subject": new[0], "text": new[1], "by": "model"}
        elif value is not None:
            desk.notes.append("the model's words were left out: they hold what no evidence bears")
    record = evidence("value", desk.step["name"], wording.plain(about, 2000), None, desk.now)
    output["evidence_ids"] = [*cited, record["id"]]
    return Work(output, f"composed a message: {subject}", f"{len(said)} findings were given", [record])
