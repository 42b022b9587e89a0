"""What is measured of a body: the metrics all formats share, the one unit of each, and how other units become it.

Formats map their own names to these (`metric`), hand over the value with the unit they found (`convert`), and never
keep a unit of their own: a series that changes from pounds to kilograms in the middle is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from roadmap_cli.core.errors import DataError

Daily = Literal["sum", "mean", "last", "sleep"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its unit, and what a day of it is.

    sum     what was counted in spans of time; overlapping devices are counted once
    mean    the mean of what one device measured on a day
    last    the last value of a day: what changes slowly
    sleep   stages of nights
    """

    name: str
    unit: str
    daily: Daily


#: Unit → what a day is → names.
_TABLE: dict[str, dict[Daily, str]] = {
    "count": {
        "sum": "steps flights_climbed pushes swimming_strokes falls stand_hours inhaler_usage drinks handwashing",
        "mean": "bmi walking_steadiness",
    },
    "bpm": {
        "mean": "heart_rate resting_heart_rate walking_heart_rate heart_rate_recovery respiratory_rate max_heart_rate "
        "min_heart_rate"
    },
    "ms": {"mean": "heart_rate_variability heart_rate_variability_rmssd stance_time"},
    "min": {
        "sum": "exercise_time stand_time move_time mindful_time daylight_time sedentary_time active_time",
        "sleep": "sleep",
    },
    "m": {
        "sum": "distance_walking_running distance_cycling distance_swimming distance_wheelchair "
        "distance_snow_sports distance",
        "mean": "step_length stride_length six_minute_walk vertical_oscillation underwater_depth elevation",
        "last": "height waist",
    },
    "kg": {"last": "body_mass lean_body_mass muscle_mass bone_mass body_water_mass fat_mass"},
    "kcal": {"sum": "active_energy basal_energy dietary_energy total_energy"},
    "percent": {
        "mean": "oxygen_saturation walking_asymmetry double_support atrial_fibrillation_burden perfusion",
        "last": "body_fat",
    },
    "degC": {
        "mean": "body_temperature basal_body_temperature wrist_temperature skin_temperature_deviation "
        "water_temperature"
    },
    "mmHg": {"mean": "systolic_pressure diastolic_pressure"},
    "g": {
        "sum": "protein carbohydrates sugar fibre fat saturated_fat sodium caffeine cholesterol potassium calcium iron "
        "monounsaturated_fat polyunsaturated_fat vitamin_c vitamin_d magnesium zinc"
    },
    "l": {"sum": "water", "mean": "forced_vital_capacity forced_expiratory_volume"},
    "dBA": {"mean": "environmental_sound headphone_sound"},
    "km/h": {"mean": "walking_speed running_speed stair_ascent_speed stair_descent_speed cycling_speed"},
    "watt": {"mean": "running_power cycling_power"},
    "mmol/l": {"mean": "blood_glucose"},
    "ml/kg/min": {"mean": "vo2_max"},
    "l/min": {"mean": "peak_expiratory_flow"},
    "IU": {"sum": "insulin"},
    "score": {"mean": "sleep_score readiness_score activity_score stress_level body_battery physical_effort mood"},
    "uS": {"mean": "electrodermal_activity"},
}  # fmt: skip

#: All metrics by name. Names and units stay; metrics are only ever added.
METRICS = {
    name: Metric(name, unit, daily)
    for unit, by_daily in _TABLE.items()
    for daily, names in by_daily.items()
    for name in names.split()
}

_POUND_KG, _INCH_M, _MILE_M, _FLUID_OUNCE_L = 0.45359237, 0.0254, 1609.344, 0.0295735295625
_IMPERIAL_OUNCE_L = 0.0284130625
#: Grams in a mole of glucose, as HealthKit writes it in its own unit strings.
GLUCOSE_G_MOL = 180.1558800000541

#: (what a source calls its unit, ours) → factor. What is not here, or the same text, is not converted.
_FACTORS: dict[tuple[str, str], float] = {
    ("count/min", "bpm"): 1, ("count/s", "bpm"): 60, ("/min", "bpm"): 1, ("breaths/min", "bpm"): 1,
    ("s", "ms"): 1000, ("min", "ms"): 60000,
    ("s", "min"): 1 / 60, ("sec", "min"): 1 / 60, ("hr", "min"): 60, ("h", "min"): 60, ("ms", "min"): 1 / 60000,
    ("d", "min"): 1440,
    ("km", "m"): 1000, ("mi", "m"): _MILE_M, ("ft", "m"): 0.3048, ("in", "m"): _INCH_M, ("yd", "m"): 0.9144,
    ("cm", "m"): 0.01, ("mm", "m"): 0.001, ("mile", "m"): _MILE_M, ("miles", "m"): _MILE_M,
    ("lb", "kg"): _POUND_KG, ("lbs", "kg"): _POUND_KG, ("st", "kg"): 14 * _POUND_KG, ("g", "kg"): 0.001,
    ("oz", "kg"): _POUND_KG / 16,
    ("Cal", "kcal"): 1, ("cal", "kcal"): 0.001, ("kJ", "kcal"): 1 / 4.184, ("J", "kcal"): 1 / 4184,
    ("mg", "g"): 0.001, ("mcg", "g"): 1e-6, ("ug", "g"): 1e-6, ("kg", "g"): 1000, ("oz", "g"): 1000 * _POUND_KG / 16,
    ("mL", "l"): 0.001, ("ml", "l"): 0.001, ("L", "l"): 1, ("fl_oz_us", "l"): _FLUID_OUNCE_L, ("cL", "l"): 0.01,
    ("fl_oz_imp", "l"): _IMPERIAL_OUNCE_L, ("cup_us", "l"): 8 * _FLUID_OUNCE_L, ("pt_us", "l"): 16 * _FLUID_OUNCE_L,
    ("cup_imp", "l"): 10 * _IMPERIAL_OUNCE_L, ("pt_imp", "l"): 20 * _IMPERIAL_OUNCE_L, ("dL", "l"): 0.1,
    ("dBASPL", "dBA"): 1, ("dB", "dBA"): 1, ("dB(A)", "dBA"): 1,
    ("km/hr", "km/h"): 1, ("m/s", "km/h"): 3.6, ("mi/hr", "km/h"): _MILE_M / 1000, ("ft/s", "km/h"): 0.3048 * 3.6,
    ("mph", "km/h"): _MILE_M / 1000, ("kn", "km/h"): 1.852,
    ("W", "watt"): 1, ("kW", "watt"): 1000,
    ("mg/dL", "mmol/l"): 10 / GLUCOSE_G_MOL, ("mmol<180.1558800000541>/L", "mmol/l"): 1, ("mmol/L", "mmol/l"): 1,
    ("mL/min·kg", "ml/kg/min"): 1, ("mL/kg·min", "ml/kg/min"): 1, ("ml/(kg*min)", "ml/kg/min"): 1,
    ("L/min", "l/min"): 1, ("L/s", "l/min"): 60, ("mcS", "uS"): 1, ("S", "uS"): 1e6,
    ("kPa", "mmHg"): 7.500616827, ("cmAq", "mmHg"): 0.7355591, ("cmH2O", "mmHg"): 0.7355591,
    ("kcal/hr·kg", "score"): 1, ("appleEffortScore", "score"): 1,
    ("%", "percent"): 1, ("ratio", "percent"): 100,
}  # fmt: skip

Conversion = tuple[float, float]
"""A factor and what is added after it."""
_SAME: Conversion = (1.0, 0.0)


def conversion(unit: str, metric: Metric) -> Conversion:
    """How a value in `unit` becomes one in the metric's unit. Raises DataError (unknown_unit) without showing it."""
    if unit == metric.unit:
        return _SAME
    if metric.unit == "degC":
        if unit == "degF":
            return 5 / 9, -160 / 9
        if unit == "K":
            return 1.0, -273.15
    factor = _FACTORS.get((unit, metric.unit))
    if factor is None:
        raise DataError(f"unit of {metric.name!r} is unknown", code="unknown_unit")
    return float(factor), 0.0


def convert(value: float, unit: str, metric: Metric) -> float:
    """A value in the metric's unit, rounded so that 70.0 kg stays 70. Raises DataError (unknown_unit)."""
    factor, plus = conversion(unit, metric)
    return tidy(value * factor + plus) if (factor, plus) != _SAME else tidy(value)


def tidy(value: float) -> float | int:
    """A number to ten significant digits, whole ones without a point: what is left of binary fractions is dropped."""
    whole = int(value)
    if value == whole:
        return whole
    return float(f"{value:.10g}")
