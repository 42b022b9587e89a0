"""HealthKit's names for what it measures, as metrics, stages and sports of ours."""

from __future__ import annotations

import re

#: What HealthKit begins the names of its quantities and categories with.
QUANTITY, CATEGORY = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifier"
#: What follows HKQuantityTypeIdentifier → metric. What is not here keeps its name, in snake case, and its unit.
QUANTITIES = {
    "StepCount": "steps",
    "FlightsClimbed": "flights_climbed",
    "PushCount": "pushes",
    "SwimmingStrokeCount": "swimming_strokes",
    "NumberOfTimesFallen": "falls",
    "NumberOfAlcoholicBeverages": "drinks",
    "InhalerUsage": "inhaler_usage",
    "BodyMassIndex": "bmi",
    "HeartRate": "heart_rate",
    "RestingHeartRate": "resting_heart_rate",
    "WalkingHeartRateAverage": "walking_heart_rate",
    "HeartRateRecoveryOneMinute": "heart_rate_recovery",
    "HeartRateVariabilitySDNN": "heart_rate_variability",
    "RespiratoryRate": "respiratory_rate",
    "AppleExerciseTime": "exercise_time",
    "AppleStandTime": "stand_time",
    "AppleMoveTime": "move_time",
    "TimeInDaylight": "daylight_time",
    "DistanceWalkingRunning": "distance_walking_running",
    "DistanceCycling": "distance_cycling",
    "DistanceSwimming": "distance_swimming",
    "DistanceWheelchair": "distance_wheelchair",
    "DistanceDownhillSnowSports": "distance_snow_sports",
    "WalkingStepLength": "step_length",
    "RunningStrideLength": "stride_length",
    "SixMinuteWalkTestDistance": "six_minute_walk",
    "RunningVerticalOscillation": "vertical_oscillation",
    "RunningGroundContactTime": "stance_time",
    "UnderwaterDepth": "underwater_depth",
    "Height": "height",
    "WaistCircumference": "waist",
    "BodyMass": "body_mass",
    "LeanBodyMass": "lean_body_mass",
    "ActiveEnergyBurned": "active_energy",
    "BasalEnergyBurned": "basal_energy",
    "DietaryEnergyConsumed": "dietary_energy",
    "OxygenSaturation": "oxygen_saturation",
    "WalkingAsymmetryPercentage": "walking_asymmetry",
    "WalkingDoubleSupportPercentage": "double_support",
    "AtrialFibrillationBurden": "atrial_fibrillation_burden",
    "PeripheralPerfusionIndex": "perfusion",
    "BodyFatPercentage": "body_fat",
    "AppleWalkingSteadiness": "walking_steadiness",
    "BodyTemperature": "body_temperature",
    "BasalBodyTemperature": "basal_body_temperature",
    "AppleSleepingWristTemperature": "wrist_temperature",
    "WaterTemperature": "water_temperature",
    "BloodPressureSystolic": "systolic_pressure",
    "BloodPressureDiastolic": "diastolic_pressure",
    "DietaryProtein": "protein",
    "DietaryCarbohydrates": "carbohydrates",
    "DietarySugar": "sugar",
    "DietaryFiber": "fibre",
    "DietaryFatTotal": "fat",
    "DietaryFatSaturated": "saturated_fat",
    "DietaryFatMonounsaturated": "monounsaturated_fat",
    "DietaryFatPolyunsaturated": "polyunsaturated_fat",
    "DietarySodium": "sodium",
    "DietaryCaffeine": "caffeine",
    "DietaryCholesterol": "cholesterol",
    "DietaryPotassium": "potassium",
    "DietaryCalcium": "calcium",
    "DietaryIron": "iron",
    "DietaryVitaminC": "vitamin_c",
    "DietaryVitaminD": "vitamin_d",
    "DietaryMagnesium": "magnesium",
    "DietaryZinc": "zinc",
    "DietaryWater": "water",
    "ForcedVitalCapacity": "forced_vital_capacity",
    "ForcedExpiratoryVolume1": "forced_expiratory_volume",
    "PeakExpiratoryFlowRate": "peak_expiratory_flow",
    "EnvironmentalAudioExposure": "environmental_sound",
    "HeadphoneAudioExposure": "headphone_sound",
    "WalkingSpeed": "walking_speed",
    "RunningSpeed": "running_speed",
    "StairAscentSpeed": "stair_ascent_speed",
    "StairDescentSpeed": "stair_descent_speed",
    "CyclingSpeed": "cycling_speed",
    "RunningPower": "running_power",
    "CyclingPower": "cycling_power",
    "BloodGlucose": "blood_glucose",
    "VO2Max": "vo2_max",
    "InsulinDelivery": "insulin",
    "PhysicalEffort": "physical_effort",
    "ElectrodermalActivity": "electrodermal_activity",
}

#: What follows HKCategoryTypeIdentifier → metric in minutes of its span.
SPANS = {
    "MindfulSession": "mindful_time",
    "HandwashingEvent": "handwashing_time",
    "ToothbrushingEvent": "toothbrushing_time",
}

#: Values of HKCategoryTypeIdentifierSleepAnalysis, without HKCategoryValueSleepAnalysis, or as numbers → stage.
STAGES = {
    "InBed": "in_bed", "0": "in_bed",
    "Asleep": "asleep", "AsleepUnspecified": "asleep", "1": "asleep",
    "Awake": "awake", "2": "awake",
    "AsleepCore": "core", "3": "core",
    "AsleepDeep": "deep", "4": "deep",
    "AsleepREM": "rem", "5": "rem",
}  # fmt: skip

#: What follows HKWorkoutActivityType → sport; others in snake case.
SPORTS = {
    "TraditionalStrengthTraining": "strength",
    "FunctionalStrengthTraining": "strength",
    "HighIntensityIntervalTraining": "interval_training",
    "CrossCountrySkiing": "cross_country_skiing",
    "DownhillSkiing": "skiing",
    "SwimBikeRun": "triathlon",
    "MindAndBody": "mind_and_body",
    "MixedCardio": "cardio",
    "MixedMetabolicCardioTraining": "cardio",
    "Crosstraining": "cross_training",
    "PaddleSports": "paddling",
    "StairClimbing": "stairs",
    "StepTraining": "steps",
    "SurfingSports": "surfing",
    "SkatingSports": "skating",
    "SnowSports": "snow_sports",
    "MartialArts": "martial_arts",
    "WaterFitness": "water_fitness",
}

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHERS = re.compile(r"[^a-z0-9]+")


def snake(name: str, otherwise: str) -> str:
    """A CamelCase name in snake case that may stand as a metric or a sport; `otherwise` if nothing is left of it."""
    words = _OTHERS.sub("_", _WORDS.sub("_", name[:100]).lower()).strip("_")
    return words if words and words[0].isalpha() else otherwise


def sport(name: str) -> str:
    """The sport of a workoutActivityType."""
    bare = name.removeprefix("HKWorkoutActivityType")
    return SPORTS.get(bare) or snake(bare, "other")
