"""What a machine is like, from folders that stand in for it."""

from dataclasses import replace

from edgegsr.bench.state import State, doubts, look_at

QUIET = State(("performance",), (2000, 2000), None, {"cpu": 40.0}, {"oc1": 0}, None, 0.1)
FILES = {
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1497600",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "schedutil",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "729600",
    "sys/class/devfreq/17000000.gpu/cur_freq": "612000000",
    "sys/class/devfreq/17000000.gpu/min_freq": "306000000",
    "sys/class/devfreq/17000000.gpu/max_freq": "1020000000",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "57125",
    "sys/class/thermal/thermal_zone1/type": "cv0-thermal",
    "sys/class/thermal/thermal_zone1/temp": "-256000",
    "sys/class/hwmon/hwmon2/name": "soctherm_oc",
    "sys/class/hwmon/hwmon2/oc1_event_cnt": "0",
    "sys/class/hwmon/hwmon2/oc3_event_cnt": "12",
    "var/lib/nvpmodel/status": "pmode:0002",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\nA\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
    "proc/loadavg": "0.31 0.20 0.10 1/200 999",
}


def put(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")


def test_an_orin_tells_its_clocks_heat_power_mode_and_over_currents(tmp_path):
    put(tmp_path, FILES)
    assert look_at(tmp_path) == State(
        ("schedutil",),
        (1497, 729),
        (612, 306, 1020),
        {"cpu-thermal": 57.125},
        {"oc1": 0, "oc3": 12},
        "MAXN_SUPER",
        0.31,
    )


def test_an_x86_machine_tells_its_clocks_by_cpuinfo_and_when_it_was_too_hot(tmp_path):
    put(tmp_path, {"proc/cpuinfo": "processor\t: 0\ncpu MHz\t\t: 2699.998\nprocessor\t: 1\ncpu MHz\t\t: 2700.2"})
    put(tmp_path, {"sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "3"})
    found = look_at(tmp_path)
    assert (found.cpu_mhz, dict(found.throttled), found.power_mode) == ((2700, 2700), {"heat of the package": 3}, None)


def test_a_mode_without_a_name_is_told_by_its_number(tmp_path):
    put(tmp_path, {"var/lib/nvpmodel/status": "pmode:0007"})
    assert look_at(tmp_path).power_mode == "mode 7"


def test_a_machine_that_tells_nothing_is_no_error_and_every_gap_is_named(tmp_path):
    found = look_at(tmp_path)
    assert found == State((), (), None, {}, {}, None, None)
    assert list(doubts(found, found)) == [
        "clocks: nothing tells whether they are held; percentiles may show the governor",
        "heat: no sensor can be read",
        "throttling: nothing counts it here",
    ]


def test_a_quiet_machine_with_held_clocks_leaves_no_doubt():
    assert list(doubts(QUIET, QUIET)) == []


def test_throttling_while_it_was_measured_is_told_and_what_was_before_is_not():
    before, after = replace(QUIET, throttled={"oc1": 5, "oc3": 1}), replace(QUIET, throttled={"oc1": 5, "oc3": 4})
    assert list(doubts(before, after)) == ["throttled: oc3 3 times while it was measured"]


def test_a_loose_governor_a_loose_gpu_another_mode_and_a_busy_machine_are_told():
    before = replace(QUIET, governors=("powersave",), gpu_mhz=(612, 306, 1020), power_mode="15W", load=1.7)
    assert list(doubts(before, replace(before, power_mode="7W"))) == [
        "the power mode changed from 15W to 7W",
        "clocks: the governor is powersave, not performance; percentiles may show it",
        "clocks: 306 to 1020 MHz of the GPU are allowed; `sudo jetson_clocks` holds them",
        "load: 1.7 processes wanted 2 CPUs before it began",
    ]
