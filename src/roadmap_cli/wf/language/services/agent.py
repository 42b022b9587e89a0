"""Action ``agent``: a task for the role of the step, done by rules, and by a model where the template names one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language.services import fields, tasks

if TYPE_CHECKING:
    from roadmap_cli.wf.language.reading import Reader
    from roadmap_cli.wf.language.yamlfile import Way


def read(reader: Reader, value: Any, way: Way) -> Record:
    """The task: ``task``, ``model`` if one may be asked, ``evidence`` (ids it may cite), and the fields of the task."""
    table = reader.table(value, way, (*tasks.every_field(), *tasks.COMMON), ("task",))
    name = fields.choice(reader, table, way, "task", tuple(tasks.TASKS), "classify")
    task = tasks.TASKS.get(name)
    found: Record = {"task": name}
    if task is None:
        return found
    for key in table:
        if key in tasks.every_field() and key not in task.fields:
            reader.fault((*way, key), "unknown_field", f"task {name!r} takes no field {key!r}")
    reader.table({key: table.get(key) for key in task.needs}, way, task.needs, task.needs)
    if "model" in table:
        found["model"] = fields.literal(reader, table, way, "model", "the template says which model is asked")
    for key in task.fields:
        if key not in table:
            continue
        found[key] = _field(reader, table, way, key, task.fields[key])
    if "evidence" in table:
        found["evidence"] = table["evidence"]
    try:
        tasks.check(found)
    except DataError as error:
        reader.fault(way, error.code, error.message)
    return found


def _field(reader: Reader, table: dict[str, Any], way: Way, key: str, sort: str) -> Any:
    match sort:
        case "text":
            return fields.text(reader, table, way, key)
        case "literal":
            return fields.literal(reader, table, way, key, "it decides what the agent does")
        case "name":
            return fields.name(reader, table, way, key)
        case "texts":
            return fields.one_or_more(reader, table, way, key)
        case "count":
            return int(reader.number(table, way, key, 1, 10_000, 20))
        case "ratio":
            return reader.number(table, way, key, 0, 1, 0.5)
        case "duration":
            return reader.duration(table, way, key, 3600.0)
        case "queries":
            return _queries(reader, table[key], (*way, key))
        case "list":
            return reader.take(table, way, key, list, [])
    return table[key]


def _queries(reader: Reader, value: Any, way: Way) -> list[Record]:
    """The queries a question may be answered with: each with words about it, and a statement that only reads."""
    from roadmap_cli.wf.language.services import sql

    found: list[Record] = []
    for at, each in enumerate(reader.take({"queries": value}, way[:-1], "queries", list, [])):
        place = (*way, at)
        known = ("name", "about", "examples", "query", "parameters", "most_rows")
        table = reader.table(each, place, known, ("name", "about", "query"))
        asked: dict[str, Any] = reader.take(table, place, "parameters", dict, {})
        parameters = {str(key): _parameter(reader, kind, (*place, "parameters", key)) for key, kind in asked.items()}
        statement = sql.read(
            reader,
            {"database": "any", "query": table.get("query"), "parameters": dict.fromkeys(parameters, "")}
            | ({"most_rows": table["most_rows"]} if "most_rows" in table else {}),
            place,
        )
        found.append(
            {
                "name": fields.name(reader, table, place, "name"),
                "about": reader.take(table, place, "about", str, ""),
                "examples": list(reader.texts(table, place, "examples")),
                "query": statement["query"],
                "most_rows": statement["most_rows"],
                "parameters": parameters,
            }
        )
    return found


def _parameter(reader: Reader, value: Any, way: Way) -> Record:
    """Where a parameter of a query gets its value from a question: a number, a date, quoted words, one of some."""
    table = reader.table(
        {"take": value} if isinstance(value, str) else value, way, ("take", "of", "default"), ("take",)
    )
    take = fields.choice(reader, table, way, "take", tasks.TAKES, "words")
    found: Record = {"take": take}
    if take == "one_of":
        found["of"] = list(reader.texts(table, way, "of"))
        if not found["of"]:
            reader.fault(way, "bad_parameter", "'take: one_of' needs the words under 'of'")
    if "default" in table:
        found["default"] = table["default"]
    return found


def settled(spec: Record) -> Record:
    """The task with its values. Raises DataError for what is not what its field should be."""
    task = tasks.TASKS[spec["task"]]
    for key, sort in task.fields.items():
        if key not in spec:
            continue
        if sort == "text":
            spec[key] = fields.plain(spec[key], f"{key!r}")
        elif sort == "texts":
            spec[key] = fields.flat(spec[key], f"{key!r}")
        elif sort == "list" and not isinstance(spec[key], list):
            raise DataError(f"{key!r} is no list", code="bad_value")
    spec["files"] = [tasks.plain_path(each) for each in spec.get("files", [])]
    if "path" in spec:
        spec["path"] = tasks.plain_path(spec["path"])
    return spec


def needed(spec: Record) -> list[str]:
    """The task, and the model."""
    return [f"task:{spec['task']}", *([f"model:{spec['model']}"] if spec.get("model") else [])]


def resources(spec: Record) -> list[str]:
    """The files it reads or writes, and the database it asks."""
    files = [*spec.get("files", ()), *([spec["path"]] if spec.get("path") else [])]
    database = [f"database:{spec['database']}"] if spec.get("database") else []
    return [*(f"file:{tasks.plain_path(each)}" for each in files), *database]


def effects(spec: Record) -> list[tuple[str, ...]]:
    """Reading where it looks at files or a database, writing where it writes one; thinking has none."""
    found: list[tuple[str, ...]] = [("read",)] if spec.get("files") or spec.get("database") else []
    return [*found, *([("write",)] if spec.get("path") else [])]
