"""A workout of Apple Health's export while its children are read, and the exercise it comes to.

Of the old form (totals as attributes) and the new one (WorkoutStatistics), with the beginning and length of its route.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import apple_types as types
from roadmap_cli.life.formats import measured
from roadmap_cli.life.formats.apple_values import number
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.kinds.metrics import METRICS, convert
from roadmap_cli.life.local_time.wall_clock import Stamps, zone_of

Route = Callable[[str], "tuple[tuple[float, float] | None, int, float | None]"]
"""From the path of a route: where it begins, its points, metres climbed."""


class Workout:
    """A Workout while its children are read."""

    def __init__(self, attributes: dict[str, str], line: int) -> None:
        self.attributes, self.line = attributes, line
        self.part = False
        self.path = ""
        self.points = 0
        self.place: tuple[float, float] | None = None
        self.ascent: float | None = None
        self.sums: dict[str, float] = {}
        self.title: str | None = None

    def metadata(self, attributes: dict[str, str]) -> None:
        """A MetadataEntry: metres climbed, or a title."""
        key, value = attributes.get("key"), attributes.get("value", "")
        if key == "HKElevationAscended":
            told, _, unit = value.partition(" ")
            try:
                self.ascent = convert(number(told), unit or "m", METRICS["elevation"])
            except DataError:
                self.ascent = None
        elif key == "HKWorkoutBrandName":
            self.title = " ".join(value.split())[:200]

    def statistics(self, attributes: dict[str, str]) -> None:
        """A WorkoutStatistics: the sum, the mean or the maximum of a metric."""
        bare = attributes.get("type", "").removeprefix(types.QUANTITY)
        unit = attributes.get("unit", "")
        metric = METRICS.get(types.QUANTITIES.get(bare, ""))
        if metric is None:
            return
        for name, field in (("sum", "sum"), ("average", "mean"), ("maximum", "max")):
            if name in attributes:
                try:
                    self.sums[f"{metric.name} {field}"] = convert(number(attributes[name]), unit, metric)
                except DataError:
                    continue

    def location(self, attributes: dict[str, str]) -> None:
        """A point of a route as exports of 2016 hold them."""
        self.points += 1
        if self.place is None:
            try:
                self.place = number(attributes.get("latitude", "")), number(attributes.get("longitude", ""))
            except DataError:
                self.place = None

    def record(
        self,
        source: Source,
        stamps: Stamps,
        device_of: Callable[[tuple[str, str]], tuple[str, str, str]],
        route: Route,
        zone: str,
    ) -> Record:
        """The exercise. Raises DataError for times and numbers that are none."""
        given = self.attributes
        try:
            at, offset = stamps(given["startDate"])
            end, _ = stamps(given["endDate"])
        except KeyError as error:
            raise DataError(f"attribute {error.args[0]!r} is missing", code="missing_field") from None
        own = zone_of(zone if zone and zone_of(zone) is not None and "/" in zone else offset)
        start = datetime.fromisoformat(at).astimezone(own)
        distance = next(
            (value for name, value in self.sums.items() if name.startswith("distance") and name.endswith("sum")), None
        )
        if distance is None and "totalDistance" in given:
            distance = convert(
                number(given["totalDistance"]), given.get("totalDistanceUnit", "km"), METRICS["distance"]
            )
        energy = self.sums.get("active_energy sum")
        if energy is None and "totalEnergyBurned" in given:
            energy = convert(
                number(given["totalEnergyBurned"]),
                given.get("totalEnergyBurnedUnit", "kcal"),
                METRICS["active_energy"],
            )
        duration = None
        if "duration" in given:
            duration = 60 * convert(
                number(given["duration"]), given.get("durationUnit", "min"), METRICS["exercise_time"]
            )
        place, points, climbed = self.place, self.points, self.ascent
        if self.path:
            found, count, ascent = route(self.path)
            place, points = found or place, count or points
            climbed = ascent if climbed is None else climbed
        device, app, _ = device_of((given.get("sourceName", ""), given.get("device", "")))
        return measured.activity(
            source, self.line, types.sport(given.get("workoutActivityType", "")), start,
            datetime.fromisoformat(end).astimezone(own), title=self.title, duration_s=duration,
            distance_m=distance or None, energy_kcal=energy or None,
            mean_heart_rate=self.sums.get("heart_rate mean"), max_heart_rate=self.sums.get("heart_rate max"),
            ascent_m=climbed, points_count=points or None, device=device, app=app or None, start_place=place,
        )  # fmt: skip
