"""Lines as boards print them, from JetPack 4 to 7.2; repeated fields are filled in."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.bench.tegrastats import of_module, parse

NANO = (
    "RAM 330/3964MB (lfb 758x4MB) SWAP 0/1982MB (cached 0MB) CPU [5%@102,0%@102,0%@102,off] EMC_FREQ 0% GR3D_FREQ 7% "
    "PLL@20.5C CPU@23C PMIC@100C GPU@22.5C AO@27C thermal@22.5C POM_5V_IN 933/933 POM_5V_GPU 0/0 POM_5V_CPU 84/84"
)
XAVIER_NX = (
    "07-09-2024 13:31:31 RAM 3168/6851MB (lfb 2x4MB) SWAP 161/3426MB (cached 0MB) "
    "CPU [23%@1397,17%@1192,16%@1190,13%@1190,23%@1190,10%@1190] EMC_FREQ 2%@204 GR3D_FREQ 0%@[114] VIC_FREQ 115 "
    "APE 150 AUX@45C CPU@46.5C thermal@45.6C AO@45C GPU@45.5C PMIC@50C VDD_IN 2763mW/2846mW "
    "VDD_CPU_GPU_CV 650mW/670mW VDD_SOC 650mW/711mW"
)
AGX_ORIN_5 = (
    "01-03-2023 16:07:54 RAM 2257/30536MB (lfb 5392x4MB) SWAP 0/15268MB (cached 0MB) CPU [0%@729,1%@729] "
    "EMC_FREQ 0%@204 GR3D_FREQ 0%@0 GR3D2_FREQ 0%@0 NVJPG1 729 VIC_FREQ 115 APE 233 CV0@-256C CPU@41.437C "
    "Tboard@29C SOC2@39.062C tj@41.656C GPU@-256C VDD_GPU_SOC 2390mW/2390mW VDD_CPU_CV 796mW/796mW "
    "VIN_SYS_5V0 3522mW/3522mW NC 0mW/0mW VDDQ_VDD2_1V8AO 301mW/301mW NC 0mW/0mW"
)
ORIN_NANO = (
    "10-08-2026 04:35:02 RAM 6712/7620MB (lfb 12x4MB) SWAP 369/3810MB (cached 8MB) "
    "CPU [38%@1497,2%@729,1%@729,0%@729,1%@729,0%@729] EMC_FREQ 61%@2133 GR3D_FREQ 99%@[612] NVDEC off NVJPG off "
    "VIC off OFA off APE 200 cpu@57.125C soc2@55.093C soc0@56.625C gpu@58.625C tj@58.312C soc1@55.937C "
    "VDD_IN 16321mW/11204mW VDD_CPU_GPU_CV 7104mW/4944mW VDD_SOC 3120mW/3659mW"
)
AGX_ORIN_6 = (
    "05-09-2026 18:42:06 RAM 18207/62841MB (lfb 466x4MB) SWAP 86/31420MB (cached 0MB) CPU [14%@2188,5%@2112] "
    "EMC_FREQ 3%@2133 GR3D_FREQ 0%@[0,0] NVENC 79%@166 NVDEC off NVJPG off NVJPG1 off VIC 36%@115 OFA off "
    "NVDLA0 off NVDLA1 off PVA0_FREQ off APE 174 cpu@52.562C soc2@48.437C soc0@49.093C tj@52.562C soc1@49.656C "
    "VDD_GPU_SOC 2412mW/2412mW VDD_CPU_CV 1607mW/1607mW VIN_SYS_5V0 4707mW/4707mW"
)
AGX_ORIN_7 = (
    "07-25-2026 09:08:28 RAM 20642/62817MB (lfb 1x2MB) CPU [23%@2201,1%@2201] EMC_FREQ 3%@3199 "
    "GR3D_FREQ 12%@[1300,1300] NVENC0 off NVDEC0 off APE 174 cpu@52.968C/52.968C soc2@48.406C/48.406C "
    "gpu@47.625C/47.625C VDD_GPU_SOC 5139mW/5139mW/5139mW VDD_CPU_CV 3268mW/3268mW/3268mW "
    "VIN_SYS_5V0 5500mW/5500mW/5500mW"
)
THOR_IDLE = (
    "05-17-2026 10:00:32 RAM 4208/125773MB (lfb 31x4MB) SWAP 0/2048MB (cached 0MB) CPU [1%@972,0%@972] "
    "EMC_FREQ 0%@665 GR3D_FREQ @[0,0,0] NVENC0_FREQ @0 NVENC1_FREQ @0 NVDEC0_FREQ @0 NVDEC1_FREQ @0 NVJPG0_FREQ @0 "
    "VIC off OFA_FREQ @0 PVA0_FREQ off APE 300 cpu@34.468C tj@34.5C soc012@33.781C soc345@34.5C VDD_GPU 0mW/0mW "
    "VDD_CPU_SOC_MSS 4165mW/4165mW VIN_SYS_5V0 4126mW/4126mW"
)
THOR_BUSY = (
    "07-02-2026 13:45:44 RAM 36529/125749MB (lfb 12x4MB) SWAP 11/4096MB (cached 9MB) CPU [2%@972,3%@972] "
    "cpu@60.406C tj@63.281C soc012@58.468C gpu@62.906C soc345@63.281C VDD_GPU 37528mW/37528mW/37528mW "
    "VDD_CPU_SOC_MSS 18961mW/18961mW/18961mW VIN_SYS_5V0 18331mW/18331mW/18331mW VIN 87426mW/43713mW/87426mW"
)
LINES = (NANO, XAVIER_NX, AGX_ORIN_5, ORIN_NANO, AGX_ORIN_6, AGX_ORIN_7, THOR_IDLE, THOR_BUSY)


def test_a_nano_of_jetpack_4_tells_power_without_units_and_a_core_that_is_off():
    said = parse(NANO)
    assert (said.time, said.ram_mb, said.gpu_percent, said.gpu_mhz) == (None, (330, 3964), 7, ())
    assert said.cores == ((5, 102), (0, 102), (0, 102), None)
    assert said.memory_bus == (0, None)
    assert said.rails_mw == {"POM_5V_IN": 933, "POM_5V_GPU": 0, "POM_5V_CPU": 84} and said.module_mw == 933
    assert said.celsius == {"PLL": 20.5, "CPU": 23, "PMIC": 100, "GPU": 22.5, "AO": 27, "thermal": 22.5}


def test_an_orin_nano_at_work_is_read_whole():
    said = parse(ORIN_NANO)
    assert (said.time, said.ram_mb) == ("10-08-2026 04:35:02", (6712, 7620))
    assert (said.gpu_percent, said.gpu_mhz, said.memory_bus) == (99, (612,), (61, 2133))
    assert said.engines_mhz == {"NVDEC": None, "NVJPG": None, "VIC": None, "OFA": None, "APE": 200}
    assert said.module_mw == 16321  # what it draws now, not the average after it
    assert said.celsius["gpu"] == 58.625 and len(said.celsius) == 6


@pytest.mark.parametrize(
    ("line", "percent", "mhz"),
    [
        (XAVIER_NX, 0, (114,)),
        (AGX_ORIN_5, 0, (0,)),
        (AGX_ORIN_6, 0, (0, 0)),
        (AGX_ORIN_7, 12, (1300, 1300)),
        (THOR_IDLE, None, (0, 0, 0)),
        (THOR_BUSY, None, ()),
    ],
)
def test_every_way_to_write_the_gpu_is_read(line, percent, mhz):
    assert (parse(line).gpu_percent, parse(line).gpu_mhz) == (percent, mhz)


@pytest.mark.parametrize(
    ("line", "mw"),
    [
        (XAVIER_NX, 2763),
        (AGX_ORIN_5, 2390 + 796 + 3522),
        (AGX_ORIN_6, 2412 + 1607 + 4707),
        (AGX_ORIN_7, 5139 + 3268 + 5500),
        (THOR_IDLE, 0 + 4165 + 4126),
        (THOR_BUSY, 87426),  # its input, and not that plus the three behind it
    ],
)
def test_the_power_of_the_module_is_its_input_or_the_sum_of_what_feeds_it(line, mw):
    assert parse(line).module_mw == mw


def test_rails_that_nobody_knows_are_told_without_a_total():
    assert of_module({"VDD_STRANGE": 12}) is None
    assert parse("VDD_STRANGE 12mW/13mW").rails_mw == {"VDD_STRANGE": 12}


def test_sensors_that_are_off_and_rails_that_go_nowhere_are_left_out():
    said = parse(AGX_ORIN_5)
    assert "GPU" not in said.celsius and "CV0" not in said.celsius and said.celsius["Tboard"] == 29
    assert "NC" not in said.rails_mw and said.rails_mw["VDDQ_VDD2_1V8AO"] == 301


def test_engines_are_off_or_tell_their_clock_however_it_is_written():
    assert parse(AGX_ORIN_6).engines_mhz["NVENC"] == 166 and parse(AGX_ORIN_6).engines_mhz["NVDLA0"] is None
    thor = parse(THOR_IDLE).engines_mhz
    assert (thor["NVENC0"], thor["VIC"], thor["PVA0"], thor["APE"]) == (0, None, None, 300)
    assert parse(XAVIER_NX).engines_mhz == {"VIC": 115, "APE": 150}


def test_a_line_of_something_else_says_nothing():
    said = parse("bash: tegrastats: command not found")
    assert (said.ram_mb, said.cores, said.module_mw, dict(said.rails_mw), dict(said.celsius)) == (
        None,
        (),
        None,
        {},
        {},
    )


def test_a_thousand_broken_lines_are_read_as_far_as_they_go():
    dice = random.Random(0)
    for _ in range(1000):
        line = list(dice.choice(LINES))
        for _ in range(dice.randint(1, 12)):
            at = dice.randrange(len(line))
            line[at : at + dice.randint(0, 6)] = dice.choices("0123456789%@[]/,. mWCMBoffN\0é\n-", k=dice.randint(0, 6))
        said = parse("".join(line))
        assert all(mw >= 0 for mw in said.rails_mw.values()) and all(t > -256 for t in said.celsius.values())


@pytest.mark.parametrize(
    "field", ["GR3D_FREQ {}%", "VDD_IN {}mW/1mW", "cpu@{}C", "CPU [{}%@1]", "APE {}", "RAM {}/1MB"]
)
def test_numbers_without_end_are_no_numbers(field):
    nothing = parse("")
    endless, short = (replace(parse(field.format(digits)), time=None) for digits in ("9" * 5000, "9"))
    assert replace(endless, cores=()) == nothing and not any(endless.cores)
    assert short != nothing and short.cores != (None,)


@given(st.text())
def test_no_text_is_too_strange(text):
    assert parse(f"{text}\nVDD_IN 12mW/13mW").rails_mw["VDD_IN"] == 12


@given(st.integers(0, 99999), st.integers(0, 99999), st.sampled_from(["", "mW"]))
def test_what_stands_before_the_slash_is_the_power_now(now, average, unit):
    assert parse(f"VDD_IN {now}{unit}/{average}{unit}").module_mw == now
