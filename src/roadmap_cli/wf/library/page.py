"""Write a page in Markdown from {"title", "parts": [{"heading", "text" | "items" | "rows"}]}: same key, same file."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import folder
from folder import Record


def main() -> None:
    """Read what to write from standard input, write the file that the first argument names, say where it is."""
    asked = folder.asked()
    name = folder.place(sys.argv[1]).name
    written = list(lines(asked))
    folder.write(name, "\n".join(written) + "\n")
    folder.tell({"path": name, "lines_count": len(written)})


def lines(asked: Record) -> Iterator[str]:
    """The page, part by part. A part without content says so."""
    yield f"# {plain(asked['title'])}"
    for part in asked.get("parts", ()):
        yield f"\n## {plain(part['heading'])}\n"
        if part.get("text") not in (None, ""):
            yield plain(part["text"])
        for each in listed(part.get("items")):
            yield f"- {shown(each)}"
        found = [each for each in listed(part.get("rows")) if isinstance(each, dict)]
        if found:
            columns = list(dict.fromkeys(key for each in found for key in each))
            yield "| " + " | ".join(map(plain, columns)) + " |"
            yield "|" + "---|" * len(columns)
            for each in found:
                yield "| " + " | ".join(shown(each.get(column)) for column in columns) + " |"
        if not any(part.get(key) for key in ("text", "items", "rows")):
            yield "Nothing."


def listed(value: object) -> list[object]:
    """A list as it is; a table as its pairs; one value as a list of it; nothing as none."""
    if value is None or value == "":
        return []
    if isinstance(value, dict):
        return [f"{key}: {shown(each)}" for key, each in value.items()]
    return value if isinstance(value, list) else [value]


def shown(value: object) -> str:
    """A value in a line."""
    if isinstance(value, dict):
        return ", ".join(f"{plain(key)} {shown(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else plain(value)


def plain(text: object) -> str:
    """Text from outside as text: no line breaks, no markup of its own."""
    return "".join("\\" + sign if sign in "\\`*_[]<>|#" else sign for sign in " ".join(str(text).split()))


if __name__ == "__main__":
    main()
