"""What is told of an account's balance: of each month, its poorest day."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.core.records import Record
from roadmap_cli.life.forecast import periods
from roadmap_cli.life.forecast.forecasting import Forecast


def by_month(each: Forecast) -> Iterator[Record]:
    """Of an account, one row for each month: its poorest day."""
    for (year, month), places in periods.groups(each, quarter=False).items():
        row = periods.told(each, places, f"{year}-{month:02}", "month", periods.WEEKS_OF_MONTH)
        if row is None:
            continue
        values = [periods.numbers(each, place, place + 1) for place in places]
        least = min(range(len(places)), key=lambda n: (values[n]["value"], n))
        row |= {name: values[least][name] for name in ("value",)}
        row |= {"low": min(one["low"] for one in values), "high": min(one["high"] for one in values)}
        row["high"] = max(row["high"], row["value"])
        row["lowest_on"] = str(each.how.lowest_on[places[least]])
        text = (
            f"{row['period_name']}: lowest balance {row['value']:.2f} {each.series.unit} about {row['lowest_on']}"
            f" ({row['low']:.2f} to {row['high']:.2f})"
        )
        if row["value"] < 0:
            row["is_overcommitted"] = True
            text += "; below zero"
        elif row["low"] < 0:
            text += "; may fall below zero"
        yield row | {"text": text}
