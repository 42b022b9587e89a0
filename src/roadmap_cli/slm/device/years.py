"""When a processor or board came out: names, family and model numbers, ARM part numbers, Android's first API level.

Years are those of the first devices one could buy, from the makers' product pages (ark.intel.com, amd.com),
util-linux's list of ARM parts, and Raspberry Pi's product pages. A rule gives a year and how far it can be trusted.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Launch(NamedTuple):
    """What came out, when, and how sure that is (0 to 1)."""

    name: str
    year: int
    confidence: float


#: Intel Core generation → year of its first devices.
CORE = {1: 2009, 2: 2011, 3: 2012, 4: 2013, 5: 2015, 6: 2015, 7: 2017, 8: 2017, 9: 2018, 10: 2019, 11: 2020, 12: 2021,
        13: 2022, 14: 2023}  # fmt: skip
#: Ryzen and Ryzen Threadripper: the thousands of the number → year.
RYZEN = {1: 2017, 2: 2018, 3: 2019, 4: 2020, 5: 2020, 6: 2022, 7: 2022, 8: 2024, 9: 2024}
THREADRIPPER = {1: 2017, 2: 2018, 3: 2019, 5: 2022, 7: 2023, 9: 2025}
#: What a processor's name holds → regular expressions and years; the first that fits counts. (Compiling them all would
#: take longer than everything else.) The last is for the names that hypervisors give.
NAMES: dict[str, tuple[tuple[str, int], ...]] = {
    "Core(TM)": (
        (r"Core\(TM\) Ultra \d 1\d\d", 2023), (r"Core\(TM\) Ultra \d 2\d\d", 2024),
        (r"Core\(TM\) Ultra \d 3\d\d", 2026), (r"Core\(TM\) [357] 1\d\d", 2024), (r"Core\(TM\) [579] 2\d\d", 2025),
        (r"Core\(TM\)2", 2007), (r"Core\(TM\) Duo", 2006), (r"i[79]-5[89]\d\d[KX]", 2014),
        (r"i7-6[89]\d\d[KX]", 2016), (r"i[3579]-10[789]\d\dXE?", 2019), (r"\b[im][3579]?-?7Y\d\d", 2016),
    ),
    "Xeon": (
        (r"Xeon\(R\) 6\d{3}|Xeon\(R\) 6 ", 2024), (r"(?:Platinum|Gold|Silver|Bronze) [3-9]1\d\d", 2017),
        (r"(?:Platinum|Gold|Silver|Bronze) [3-9]2\d\d", 2019), (r"(?:Platinum|Gold|Silver|Bronze) [3-9]3\d\d", 2021),
        (r"(?:Platinum|Gold|Silver|Bronze) [3-9]4\d\d", 2023), (r"(?:Platinum|Gold|Silver|Bronze) [3-9]5\d\d", 2023),
        (r"E3-1[25]\d\d[LM]? v6", 2017), (r"E3-1[25]\d\d[LM]? v5", 2015), (r"E3-12\d\dL? v4", 2015),
        (r"E3-12\d\dL? v3", 2013), (r"E3-12\d\dL? v2", 2012), (r"E3-12\d\dL?\b", 2011), (r"E5-\d{4}[LW]? v4", 2016),
        (r"E5-\d{4}[LW]? v3", 2014), (r"E5-\d{4}[LW]? v2", 2013), (r"E5-\d{4}[LW]?\b", 2012),
        (r"E7-\d{4}[LW]? v4", 2016), (r"E7-\d{4}[LW]? v3", 2015), (r"E7-\d{4}[LW]? v2", 2014), (r"E7-\d{4}\b", 2011),
        (r"\bE-21\d\d", 2018), (r"\bE-22\d\d", 2019), (r"\bE-23\d\d", 2021), (r"\bE-24\d\d", 2023),
        (r"\bW-21\d\d", 2017), (r"\bW-[23]2\d\d", 2019), (r"\bW-1[12]\d\d", 2020), (r"\bW-33\d\d", 2021),
        (r"\bw[3579]-[23]4\d\d", 2023), (r"\bw[3579]-[23]5\d\d", 2024), (r"\bD-1[256]\d\d", 2015),
        (r"\bD-21\d\d", 2018), (r"\bD-[12]7\d\d", 2022), (r"\b[XEL]56\d\d\b", 2010), (r"\b[XELW]55\d\d\b", 2009),
        (r"\b[XEL]54\d\d\b", 2007),
    ),
    "Intel": (
        (r"\b(?:N95|N97|N50|N100|N150|N200|N250|N300|N305|i3-N30\d|N355)\b", 2023),
        (r"\b[NJ](?:45|51|60|64|62|61)\d\d\b|\bx6\d{3}", 2021), (r"\b[NJ](?:5030|5040|4020|4120|4025|4125)\b", 2019),
        (r"\b[NJ](?:4[0-4]|50)\d\d\b", 2017), (r"\b[NJ]3[34]\d\d\b|\b[NJ]42\d\d\b", 2016),
        (r"\b[NJ]3[017]\d\d\b", 2015), (r"\b[NJ](?:28|29|18|19)\d\d\b", 2013), (r"x5-Z8\d{3}|x7-Z8\d{3}|x5-E8", 2015),
        (r"\bZ37\d\d\b|\bE38\d\d\b", 2013), (r"\bC3[2-9]\d\d\b", 2017), (r"\bC2[357]\d\d\b", 2013),
        (r"\b(?:N2[68]|D2[57])00\b", 2011), (r"\b(?:N4[57]\d|D4\d\d|D5\d\d)\b", 2010),
        (r"Atom\(TM\) CPU +(?:N2[78]0|2[37]0|3\d\d|Z5\d\d)", 2008), (r"Pentium\(R\) (?:CPU )?G4[56]\d\dT?", 2017),
        (r"Pentium\(R\) (?:CPU )?G4[45]\d\d", 2015), (r"(?:Pentium|Celeron)\(R\) Gold|Pentium\(R\) Gold G[56]", 2018),
        (r"Pentium\(R\) 4|Pentium\(R\) [MD]\b", 2003), (r"Pentium\(R\) III", 1999),
    ),
    "Ryzen": (
        (r"Ryzen AI Max", 2025), (r"Ryzen AI \d", 2024), (r"Ryzen \d (?:PRO )?2[2357]00U", 2017),
        (r"Ryzen \d (?:PRO )?5\d00(?:G|GE|U|H|HS|HX)\b", 2021), (r"Ryzen \d (?:PRO )?7\d[2-4]\dH?[SUX]?\b", 2023),
        (r"Ryzen \d (?:PRO )?9[89]55HX", 2025), (r"Ryzen Z1", 2023), (r"Ryzen Z2", 2025),
    ),
    "EPYC": (
        (r"EPYC 7\w\d1", 2017), (r"EPYC 7\w\d2", 2019), (r"EPYC 7\w\d3", 2021), (r"EPYC 9\w\d4", 2022),
        (r"EPYC 8\d\d4", 2023), (r"EPYC [94]\w\d5", 2024), (r"EPYC 4\d\d4", 2024), (r"EPYC-Rome", 2019),
        (r"EPYC-Milan", 2021), (r"EPYC-Genoa", 2022), (r"EPYC-Turin", 2024),
    ),
    "AMD": (
        (r"Athlon (?:Silver|Gold) [37]\d2\dU", 2022), (r"Athlon (?:Silver|Gold)", 2020), (r"Athlon 3000G", 2019),
        (r"Athlon (?:200|220|240|300)", 2018), (r"FX-[89]3\d\d|FX-[46]3\d\d", 2012), (r"FX\(tm\)-[468]1\d\d", 2011),
        (r"FX\(tm\)-[4689][3579]\d\d", 2012), (r"A(?:6|8|10|12)-9\d\d\d", 2016), (r"A(?:6|8|10|12)-8\d\d\d", 2015),
        (r"A(?:4|6|8|10)-7\d\d\d", 2014), (r"A(?:4|6|8|10)-[56]\d\d\d", 2013), (r"A(?:4|6|8)-[34]\d\d\d", 2011),
        (r"E[12]-[6-9]\d\d\d", 2014), (r"E-[34]\d\d|C-[56]\d", 2011), (r"Phenom\(tm\) II|Athlon\(tm\) II", 2009),
        (r"Phenom\(tm\)", 2007), (r"Opteron\(tm\) (?:Processor )?6[23]\d\d", 2012), (r"Opteron", 2007),
    ),
    "(": (
        (r"\(Nehalem", 2009), (r"\(Westmere", 2010), (r"\(SandyBridge|\(Sandy Bridge", 2011), (r"\(IvyBridge", 2012),
        (r"\(Haswell", 2013), (r"\(Broadwell", 2015), (r"\((?:Skylake|Cascadelake)", 2017),
        (r"\(Icelake|Ice Lake", 2020), (r"\(SapphireRapids|Sapphire Rapids", 2023),
    ),
}  # fmt: skip
#: Phones' systems on a chip, as /proc/cpuinfo's Hardware line or Android's properties name them.
CHIPS: tuple[tuple[str, int], ...] = (
    (r"\bSM8750", 2024), (r"\bSM8650", 2023), (r"\bSM8550", 2022), (r"\bSM8475", 2022), (r"\bSM8450", 2021),
    (r"\bSM8350|\bLAHAINA", 2021), (r"\bSM8250|\bKONA\b", 2020), (r"\bSM8150", 2019), (r"\bSDM845", 2018),
    (r"\bMSM8998", 2017), (r"\bMSM8996", 2016), (r"\bMSM8994|\bMSM8992", 2015), (r"\bMSM8974", 2013),
    (r"\bSM7[1-2]\d\d", 2020), (r"\bSM6[1-2]\d\d", 2019), (r"\bSM7[3-4]\d\d", 2022), (r"\bSM6[3-4]\d\d", 2022),
    (r"\bSDM[67]\d\d", 2018), (r"\bMT6989", 2023), (r"\bMT6985", 2022), (r"\bMT6983", 2021), (r"\bMT689\d", 2021),
    (r"\bMT688\d", 2020), (r"\bMT685\d|\bMT683\d", 2020), (r"\bMT678\d", 2019), (r"\bMT677\d|\bMT676\d", 2018),
    (r"Tensor G5", 2025), (r"Tensor G4|zumapro", 2024), (r"Tensor G3|\bzuma\b", 2023), (r"Tensor G2|\bgs201\b", 2022),
    (r"Tensor|\bgs101\b", 2021), (r"Exynos ?2400|s5e9945", 2024), (r"Exynos ?2200|s5e9925", 2022),
    (r"Exynos ?2100", 2021), (r"Exynos ?990", 2020), (r"Exynos ?982[05]", 2019), (r"Exynos ?9810", 2018),
    (r"Exynos ?8895", 2017), (r"Exynos ?8890", 2016), (r"Kirin ?9000", 2020), (r"Kirin ?990", 2019),
    (r"Kirin ?980", 2018), (r"Kirin ?970", 2017),
)  # fmt: skip
#: Intel, family 6: model number → name and year; where a name says nothing (virtual machines, samples).
INTEL_MODELS: dict[int, tuple[str, int]] = {
    15: ("Core 2", 2006), 23: ("Core 2", 2008), 29: ("Core 2", 2008), 26: ("Nehalem", 2008), 30: ("Nehalem", 2009),
    46: ("Nehalem", 2010), 37: ("Westmere", 2010), 44: ("Westmere", 2010), 47: ("Westmere", 2011),
    42: ("Sandy Bridge", 2011), 45: ("Sandy Bridge", 2012), 58: ("Ivy Bridge", 2012), 62: ("Ivy Bridge", 2013),
    60: ("Haswell", 2013), 69: ("Haswell", 2013), 70: ("Haswell", 2013), 63: ("Haswell", 2014),
    61: ("Broadwell", 2015), 71: ("Broadwell", 2015), 79: ("Broadwell", 2016), 86: ("Broadwell", 2015),
    78: ("Skylake", 2015), 94: ("Skylake", 2015), 85: ("Skylake server", 2017), 142: ("Kaby Lake", 2017),
    158: ("Kaby Lake", 2017), 102: ("Cannon Lake", 2018), 165: ("Comet Lake", 2020), 166: ("Comet Lake", 2019),
    125: ("Ice Lake", 2019), 126: ("Ice Lake", 2019), 106: ("Ice Lake server", 2021), 108: ("Ice Lake server", 2022),
    140: ("Tiger Lake", 2020), 141: ("Tiger Lake", 2021), 167: ("Rocket Lake", 2021), 151: ("Alder Lake", 2021),
    154: ("Alder Lake", 2022), 190: ("Alder Lake N", 2023), 183: ("Raptor Lake", 2022), 186: ("Raptor Lake", 2023),
    191: ("Raptor Lake", 2023), 143: ("Sapphire Rapids", 2023), 207: ("Emerald Rapids", 2023),
    170: ("Meteor Lake", 2023), 172: ("Meteor Lake", 2023), 189: ("Lunar Lake", 2024), 197: ("Arrow Lake", 2024),
    198: ("Arrow Lake", 2024), 181: ("Arrow Lake", 2025), 173: ("Granite Rapids", 2024), 174: ("Granite Rapids", 2025),
    175: ("Sierra Forest", 2024), 204: ("Panther Lake", 2026), 28: ("Bonnell", 2008), 38: ("Bonnell", 2010),
    39: ("Saltwell", 2012), 53: ("Saltwell", 2012), 54: ("Saltwell", 2011), 55: ("Silvermont", 2013),
    77: ("Silvermont", 2013), 74: ("Silvermont", 2014), 90: ("Silvermont", 2014), 76: ("Airmont", 2015),
    92: ("Goldmont", 2016), 95: ("Goldmont", 2017), 122: ("Goldmont Plus", 2017), 134: ("Tremont", 2020),
    150: ("Tremont", 2021), 156: ("Tremont", 2021), 87: ("Knights Landing", 2016), 133: ("Knights Mill", 2017),
}  # fmt: skip
#: AMD: family, first and last model number → name and year.
AMD_MODELS: tuple[tuple[int, int, int, str, int], ...] = (
    (15, 0, 255, "K8", 2003), (16, 0, 255, "K10", 2007), (18, 0, 255, "Llano", 2011), (20, 0, 255, "Bobcat", 2011),
    (21, 0, 1, "Bulldozer", 2011), (21, 2, 31, "Piledriver", 2012), (21, 48, 63, "Steamroller", 2014),
    (21, 96, 111, "Excavator", 2015), (21, 112, 127, "Excavator", 2016), (22, 0, 255, "Jaguar", 2013),
    (23, 0, 7, "Zen", 2017), (23, 8, 15, "Zen+", 2018), (23, 16, 23, "Zen", 2017), (23, 24, 31, "Zen+", 2019),
    (23, 32, 47, "Dali", 2020), (23, 48, 63, "Zen 2 server", 2019), (23, 96, 103, "Renoir", 2020),
    (23, 104, 111, "Lucienne", 2021), (23, 112, 127, "Zen 2", 2019), (23, 144, 159, "Van Gogh", 2022),
    (23, 160, 175, "Mendocino", 2022), (25, 0, 7, "Milan", 2021), (25, 8, 15, "Chagall", 2022),
    (25, 16, 31, "Genoa", 2022), (25, 32, 47, "Vermeer", 2020), (25, 64, 79, "Rembrandt", 2022),
    (25, 80, 95, "Cezanne", 2021), (25, 96, 111, "Raphael", 2022), (25, 112, 127, "Phoenix", 2023),
    (25, 160, 175, "Bergamo", 2023), (26, 0, 31, "Turin", 2024), (26, 32, 63, "Strix Point", 2024),
    (26, 64, 79, "Granite Ridge", 2024), (26, 96, 111, "Krackan", 2025), (26, 112, 127, "Strix Halo", 2025),
)  # fmt: skip
#: ARM: implementer and part → name, year of the first devices, and whether it is a maker's own (then it dates well).
ARM_PARTS: dict[tuple[int, int], tuple[str, int]] = {
    (0x41, 0x926): ("ARM926", 2001), (0x41, 0xB36): ("ARM1136", 2003), (0x41, 0xB76): ("ARM1176", 2004),
    (0x41, 0xC05): ("Cortex-A5", 2011), (0x41, 0xC07): ("Cortex-A7", 2012), (0x41, 0xC08): ("Cortex-A8", 2009),
    (0x41, 0xC09): ("Cortex-A9", 2011), (0x41, 0xC0D): ("Cortex-A12", 2013), (0x41, 0xC0E): ("Cortex-A17", 2014),
    (0x41, 0xC0F): ("Cortex-A15", 2012), (0x41, 0xD01): ("Cortex-A32", 2016), (0x41, 0xD02): ("Cortex-A34", 2019),
    (0x41, 0xD03): ("Cortex-A53", 2014), (0x41, 0xD04): ("Cortex-A35", 2016), (0x41, 0xD05): ("Cortex-A55", 2018),
    (0x41, 0xD06): ("Cortex-A65", 2019), (0x41, 0xD07): ("Cortex-A57", 2014), (0x41, 0xD08): ("Cortex-A72", 2016),
    (0x41, 0xD09): ("Cortex-A73", 2016), (0x41, 0xD0A): ("Cortex-A75", 2018), (0x41, 0xD0B): ("Cortex-A76", 2018),
    (0x41, 0xD0C): ("Neoverse-N1", 2019), (0x41, 0xD0D): ("Cortex-A77", 2020), (0x41, 0xD0E): ("Cortex-A76AE", 2020),
    (0x41, 0xD40): ("Neoverse-V1", 2021), (0x41, 0xD41): ("Cortex-A78", 2021), (0x41, 0xD42): ("Cortex-A78AE", 2022),
    (0x41, 0xD43): ("Cortex-A65AE", 2020), (0x41, 0xD44): ("Cortex-X1", 2021), (0x41, 0xD46): ("Cortex-A510", 2022),
    (0x41, 0xD47): ("Cortex-A710", 2022), (0x41, 0xD48): ("Cortex-X2", 2022), (0x41, 0xD49): ("Neoverse-N2", 2022),
    (0x41, 0xD4A): ("Neoverse-E1", 2020), (0x41, 0xD4B): ("Cortex-A78C", 2021), (0x41, 0xD4C): ("Cortex-X1C", 2022),
    (0x41, 0xD4D): ("Cortex-A715", 2023), (0x41, 0xD4E): ("Cortex-X3", 2023), (0x41, 0xD4F): ("Neoverse-V2", 2023),
    (0x41, 0xD80): ("Cortex-A520", 2024), (0x41, 0xD81): ("Cortex-A720", 2024), (0x41, 0xD82): ("Cortex-X4", 2024),
    (0x41, 0xD83): ("Neoverse-V3AE", 2025), (0x41, 0xD84): ("Neoverse-V3", 2025), (0x41, 0xD85): ("Cortex-X925", 2024),
    (0x41, 0xD87): ("Cortex-A725", 2024), (0x41, 0xD8A): ("C1-Nano", 2025), (0x41, 0xD8B): ("C1-Pro", 2025),
    (0x41, 0xD8C): ("C1-Ultra", 2025), (0x41, 0xD8E): ("Neoverse-N3", 2025), (0x41, 0xD90): ("C1-Premium", 2025),
    (0x42, 0x516): ("ThunderX2", 2018), (0x43, 0x0A1): ("ThunderX", 2014), (0x43, 0x0AF): ("ThunderX2", 2018),
    (0x43, 0x0B8): ("ThunderX3", 2021), (0x46, 0x001): ("A64FX", 2019), (0x48, 0xD01): ("Kunpeng-920", 2019),
    (0x48, 0xD02): ("Kunpeng-920B", 2024), (0x48, 0xD40): ("Cortex-A76", 2018), (0x4E, 0x000): ("Denver", 2014),
    (0x4E, 0x003): ("Denver 2", 2017), (0x4E, 0x004): ("Carmel", 2018), (0x50, 0x000): ("X-Gene", 2013),
    (0x51, 0x001): ("Oryon", 2024), (0x51, 0x00F): ("Scorpion", 2009), (0x51, 0x02D): ("Scorpion", 2010),
    (0x51, 0x04D): ("Krait", 2012), (0x51, 0x06F): ("Krait", 2013), (0x51, 0x201): ("Kryo", 2016),
    (0x51, 0x205): ("Kryo", 2016), (0x51, 0x211): ("Kryo", 2016), (0x51, 0x800): ("Kryo 2xx Gold", 2017),
    (0x51, 0x801): ("Kryo 2xx Silver", 2017), (0x51, 0x802): ("Kryo 3xx Gold", 2018),
    (0x51, 0x803): ("Kryo 3xx Silver", 2018), (0x51, 0x804): ("Kryo 4xx Gold", 2019),
    (0x51, 0x805): ("Kryo 4xx Silver", 2019), (0x51, 0xC00): ("Falkor", 2017), (0x53, 0x001): ("Exynos-M1", 2016),
    (0x53, 0x002): ("Exynos-M3", 2018), (0x53, 0x003): ("Exynos-M4", 2019), (0x53, 0x004): ("Exynos-M5", 2020),
    (0x61, 0x020): ("Icestorm A14", 2020), (0x61, 0x021): ("Firestorm A14", 2020), (0x61, 0x022): ("Icestorm M1", 2020),
    (0x61, 0x023): ("Firestorm M1", 2020), (0x61, 0x024): ("Icestorm M1 Pro", 2021),
    (0x61, 0x025): ("Firestorm M1 Pro", 2021), (0x61, 0x028): ("Icestorm M1 Max", 2021),
    (0x61, 0x029): ("Firestorm M1 Max", 2021), (0x61, 0x030): ("Blizzard A15", 2021),
    (0x61, 0x031): ("Avalanche A15", 2021), (0x61, 0x032): ("Blizzard M2", 2022), (0x61, 0x033): ("Avalanche M2", 2022),
    (0x61, 0x034): ("Blizzard M2 Pro", 2023), (0x61, 0x035): ("Avalanche M2 Pro", 2023),
    (0x61, 0x038): ("Blizzard M2 Max", 2023), (0x61, 0x039): ("Avalanche M2 Max", 2023),
    (0x61, 0x042): ("Sawtooth M3", 2023), (0x61, 0x043): ("Everest M3", 2023), (0x61, 0x052): ("Sawtooth M4", 2024),
    (0x61, 0x053): ("Everest M4", 2024), (0x6D, 0xD49): ("Azure Cobalt 100", 2023), (0xC0, 0xAC3): ("Ampere-1", 2022),
    (0xC0, 0xAC4): ("Ampere-1a", 2024), (0x70, 0x660): ("FTC660", 2014), (0x70, 0x661): ("FTC661", 2015),
    (0x70, 0x662): ("FTC662", 2017), (0x70, 0x663): ("FTC663", 2020), (0x70, 0x862): ("FTC862", 2023),
}  # fmt: skip
#: Licensed little cores went into new devices for many years after their first.
LONG_LIVED = {(0x41, 0xD03): 0.3, (0x41, 0xD04): 0.3, (0x41, 0xC07): 0.4, (0x41, 0xD05): 0.4, (0x41, 0xD08): 0.4}
#: The model line of /proc/device-tree or DMI, as a regular expression → year.
BOARDS: tuple[tuple[str, int], ...] = (
    (r"Raspberry Pi (?:5 |Compute Module 5)", 2023), (r"Raspberry Pi 500", 2024), (r"Raspberry Pi Zero 2", 2021),
    (r"Raspberry Pi 400", 2020), (r"Raspberry Pi Compute Module 4", 2020), (r"Raspberry Pi 4 ", 2019),
    (r"Raspberry Pi Compute Module 3 Plus", 2019), (r"Raspberry Pi 3 Model [AB] Plus", 2018),
    (r"Raspberry Pi Compute Module 3", 2017), (r"Raspberry Pi 3 ", 2016), (r"Raspberry Pi Zero W", 2017),
    (r"Raspberry Pi Zero", 2015), (r"Raspberry Pi 2 ", 2015), (r"Raspberry Pi Model [AB] Plus", 2014),
    (r"Raspberry Pi Compute Module", 2014), (r"Raspberry Pi Model [AB]", 2012),
    (r"Jetson (?:AGX )?Thor", 2025), (r"Jetson (?:AGX )?Orin|Orin (?:Nano|NX)", 2022), (r"Jetson Xavier NX", 2020),
    (r"Jetson(?:-| )AGX|Jetson AGX Xavier", 2018), (r"Jetson Nano", 2019), (r"Jetson TX2|quill", 2017),
    (r"Jetson TX1", 2015), (r"ROCK 5|Rock 5", 2022), (r"ROCK Pi 4|Rock Pi 4", 2018), (r"Orange Pi 5", 2022),
    (r"Orange Pi (?:3|4|One|PC|Zero)", 2018), (r"ODROID-N2", 2019), (r"ODROID-C4", 2020), (r"ODROID-XU4", 2015),
    (r"ODROID-M1", 2022), (r"Khadas VIM3", 2019), (r"Khadas VIM4", 2022), (r"Khadas Edge2", 2022),
    (r"PinePhone Pro", 2022), (r"PinePhone", 2020), (r"Pinebook Pro", 2019), (r"Librem 5", 2020),
    (r"BeagleBone Black", 2013), (r"BeagleBone AI-64", 2022), (r"VisionFive 2|StarFive VisionFive V2", 2022),
    (r"Unmatched", 2021), (r"NanoPi R[45]", 2021), (r"Fairphone 5", 2023), (r"Fairphone 4", 2021),
)  # fmt: skip
#: Android's API level that a phone was first sold with → year (android.os.Build.VERSION_CODES).
ANDROID = {21: 2014, 22: 2015, 23: 2015, 24: 2016, 25: 2016, 26: 2017, 27: 2017, 28: 2018, 29: 2019, 30: 2020, 31: 2021,
           32: 2022, 33: 2022, 34: 2023, 35: 2024, 36: 2025}  # fmt: skip
#: An instruction → no processor before this year had it.
FLOORS: dict[str, int] = {
    "amx_tile": 2023, "avx_vnni": 2021, "avx512_bf16": 2020, "vaes": 2019, "avx512f": 2016, "sha_ni": 2016,
    "clflushopt": 2015, "rdseed": 2014, "avx2": 2013, "f16c": 2011, "avx": 2011, "aes": 2010, "sse4_2": 2008,
    "ssse3": 2006, "sme": 2024, "i8mm": 2020, "bf16": 2020, "sve2": 2021, "sve": 2019, "paca": 2018, "asimddp": 2018,
    "atomics": 2016, "asimd": 2013,
}  # fmt: skip


def of_name(text: str) -> Launch | None:
    """When a processor of this name came out (``Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz``), or None."""
    generation = re.search(r"\bi[3579](?:-| +|  *CPU +)(\d{3,5})", text) or re.search(
        r"\b(?:m[357]|M|i[57])-(\d)Y", text
    )
    for literal, rules in NAMES.items():
        found = _first(rules, text) if literal in text else None
        if found:
            return Launch(*found, 0.9)
    if generation:
        digits = generation[1]
        if len(digits) == 3:
            number = 1
        elif len(digits) == 5 or (len(digits) == 4 and digits.startswith("1")):
            number = int(digits[:2])
        else:
            number = int(digits[0])
        if number in CORE:
            return Launch(f"Core of generation {number}", CORE[number], 0.9)
    ryzen = re.search(r"Ryzen (Threadripper (?:PRO )?|\d (?:PRO )?)(\d)\d\d\d", text)
    if ryzen:
        table = THREADRIPPER if ryzen[1].startswith("Thread") else RYZEN
        if int(ryzen[2]) in table:
            return Launch(ryzen[0], table[int(ryzen[2])], 0.85)
    return None


def of_chip(text: str) -> Launch | None:
    """When a phone's system on a chip came out (``Qualcomm Technologies, Inc SM8550``), or None."""
    found = _first(CHIPS, text)
    return Launch(*found, 0.85) if found else None


def _first(rules: tuple[tuple[str, int], ...], text: str) -> tuple[str, int] | None:
    for pattern, year in rules:
        found = re.search(pattern, text)
        if found:
            return found[0].strip(), year
    return None


def of_numbers(vendor: str, family: int, model: int) -> Launch | None:
    """When an x86 processor with these CPUID numbers came out, or None."""
    if vendor == "GenuineIntel" and family == 6 and model in INTEL_MODELS:
        return Launch(*INTEL_MODELS[model], 0.75)
    if vendor in ("AuthenticAMD", "HygonGenuine"):
        for its, first, last, name, year in AMD_MODELS:
            if family == its and first <= model <= last:
                return Launch(name, year, 0.75)
        if vendor == "HygonGenuine" and family == 24:
            return Launch("Dhyana", 2018, 0.7)
    return None


def of_parts(parts: list[tuple[int, int]]) -> Launch | None:
    """When a device with these ARM cores came out: when the youngest did. Makers' own cores date a device better."""
    known = [(ARM_PARTS[part], part) for part in parts if part in ARM_PARTS]
    if not known:
        return None
    (name, year), part = max(known, key=lambda each: each[0][1])
    own = part[0] not in (0x41,)
    return Launch(name, year, LONG_LIVED.get(part, 0.75 if own else 0.55))


def of_board(text: str) -> Launch | None:
    """When a board of this name came out, or None."""
    apple = re.search(r"Apple .*\b(20[12]\d)\b", text)
    if apple:
        return Launch(text, int(apple[1]), 0.95)
    found = _first(BOARDS, text) if text else None
    return Launch(*found, 0.95) if found else None


def floor(flags: set[str]) -> tuple[str, int] | None:
    """The instruction that came last, and the year before which no processor had it."""
    known = [(year, flag) for flag, year in FLOORS.items() if flag in flags]
    if not known:
        return None
    year, flag = max(known)
    return flag, year
