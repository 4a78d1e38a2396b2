"""Power and energy, from folders that stand in for boards."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.bench.power import Energy, Meter, Watch, energy, find_meter


def put(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")


ORIN = "sys/bus/i2c/devices/1-0040/hwmon/hwmon3/"
RAPL = "sys/class/powercap/intel-rapl:0/"


def test_an_orin_tells_its_rails_in_watts(tmp_path):
    put(
        tmp_path,
        {
            ORIN + "name": "ina3221",
            ORIN + "in1_label": "VDD_IN",
            ORIN + "in1_input": 5000,
            ORIN + "curr1_input": 1200,
            ORIN + "in2_label": "VDD_CPU_GPU_CV",
            ORIN + "in2_input": 5000,
            ORIN + "curr2_input": 400,
            ORIN + "in3_label": "NC",
            ORIN + "in3_input": 5000,
            ORIN + "curr3_input": 400,
            ORIN + "in7_label": "Sum of shunt voltages",
            ORIN + "in7_input": 9,
        },
    )
    meter = find_meter(tmp_path)
    assert meter.kind == "module_rail" and dict(meter.read()) == {"VDD_IN": 6.0, "VDD_CPU_GPU_CV": 2.0}
    (tmp_path / ORIN / "curr2_input").unlink()  # a sensor that goes away leaves the others
    assert dict(meter.read()) == {"VDD_IN": 6.0}


def test_a_thor_tells_its_input_by_another_chip(tmp_path):
    place = "sys/bus/i2c/devices/2-0044/hwmon/hwmon5/"
    put(tmp_path, {place + "name": "ina238", place + "in1_input": 20000, place + "curr1_input": 4000})
    assert dict(find_meter(tmp_path).read()) == {"VIN": 80.0}


def test_a_nano_of_jetpack_4_tells_milliwatts(tmp_path):
    place = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/"
    put(tmp_path, {place + "rail_name_0": "POM_5V_IN", place + "in_power0_input": 1500, place + "rail_name_1": "NC"})
    meter = find_meter(tmp_path)
    assert dict(meter.read()) == {"POM_5V_IN": 1.5}
    assert energy(meter, [(0, {"POM_5V_IN": 1.5}), (2, {"POM_5V_IN": 1.5})]).total_joules == 3.0


def test_an_x86_cpu_counts_joules_and_its_cores_are_not_counted_twice(tmp_path):
    put(tmp_path, {RAPL + "name": "package-0", RAPL + "energy_uj": 5e6, RAPL + "max_energy_range_uj": 262e6})
    put(tmp_path, {"sys/class/powercap/intel-rapl:0:0/name": "core"})
    put(tmp_path, {"sys/class/powercap/intel-rapl:1/name": "psys"})
    meter = find_meter(tmp_path)
    assert (meter.kind, dict(meter.read()), dict(meter.wraps)) == ("package", {"package-0": 5.0}, {"package-0": 262.0})


def test_a_counter_that_may_not_be_read_is_a_sentence_and_not_zero(tmp_path):
    put(tmp_path, {RAPL + "name": "package-0", RAPL + "max_energy_range_uj": 262e6})
    said = find_meter(tmp_path)
    assert said.startswith("power: ") and "energy_uj may not be read; run as root, or: sudo chmod a+r" in said


def test_a_machine_without_meters_says_so(tmp_path):
    assert find_meter(tmp_path) == ("power: this machine tells none: no INA sensor of a Jetson, no RAPL of an x86 CPU")


def test_a_counter_that_begins_anew_has_counted_on():
    meter = Meter("package", dict, counts=True, wraps={"package-0": 100.0})
    samples = [(0.0, {"package-0": 90.0}), (1.0, {"package-0": 98.0}), (3.0, {"package-0": 4.0})]
    found = energy(meter, samples)
    assert found == Energy("package", 3.0, {"package-0": 14.0}, 14.0) and found.watts == pytest.approx(14 / 3)


def test_the_energy_of_a_line_of_watts_is_what_lies_under_it():
    found = energy(Meter("module_rail", dict), [(0, {"VDD_IN": 2.0}), (1, {"VDD_IN": 4.0}), (4, {"VDD_IN": 4.0})])
    assert found.total_joules == 3.0 + 12.0


def test_the_input_of_a_module_is_not_added_to_what_lies_behind_it():
    samples = [(0, {"VIN": 80.0, "VDD_GPU": 30.0}), (1, {"VIN": 80.0, "VDD_GPU": 30.0})]
    found = energy(Meter("module_rail", dict), samples)
    assert (found.joules["VDD_GPU"], found.total_joules) == (30.0, 80.0)


def test_rails_without_an_input_have_no_total():
    found = energy(Meter("module_rail", dict), [(0, {"ODD": 1.0}), (1, {"ODD": 1.0})])
    assert (found.joules, found.total_joules, found.watts) == ({"ODD": 1.0}, None, None)


def test_one_sample_is_no_energy():
    with pytest.raises(ValueError, match="wanted two samples or more, got 1"):
        energy(Meter("module_rail", dict), [(0, {})])


def test_a_watch_reads_from_the_first_moment_to_the_last():
    with Watch(Meter("module_rail", lambda: {"VDD_IN": 5.0}), period_s=0.005) as watch:
        time.sleep(0.05)
    found = watch.energy
    assert len(watch.samples) >= 4 and found.seconds >= 0.05
    assert found.watts == pytest.approx(5.0)


@given(st.lists(st.tuples(st.floats(0.001, 10), st.floats(0, 100)), min_size=2, max_size=20))
def test_energy_lies_between_the_least_and_the_most_power(steps):
    at, samples = 0.0, []
    for wait, watts in steps:
        at += wait
        samples.append((at, {"VDD_IN": watts}))
    found, seen = energy(Meter("module_rail", dict), samples), [watts for _, watts in steps]
    assert min(seen) - 1e-6 <= found.joules["VDD_IN"] / found.seconds <= max(seen) + 1e-6


def test_two_packages_of_which_one_falls_silent_have_no_total():
    meter = Meter("package", dict, counts=True, wraps={"package-0": 100.0, "package-1": 100.0})
    both = [(0.0, {"package-0": 1.0, "package-1": 1.0}), (1.0, {"package-0": 21.0, "package-1": 6.0})]
    assert energy(meter, both).total_joules == 25.0
    assert energy(meter, [both[0], (1.0, {"package-0": 21.0})]).total_joules is None


def test_a_counter_whose_range_is_not_told_is_a_sentence(tmp_path):
    put(tmp_path, {RAPL + "name": "package-0", RAPL + "energy_uj": 5e6})
    assert find_meter(tmp_path).endswith("does not tell when its counter begins anew")


def _tegrastats(root, lines):
    program = root / "usr" / "bin" / "tegrastats"
    program.parent.mkdir(parents=True)
    said = "".join(f"echo '{line}'; sleep 0.05; " for line in lines)
    program.write_text(f"#!/bin/sh\n{said}exec sleep 60\n")
    program.chmod(0o755)


def test_where_sensors_cannot_be_read_tegrastats_tells(tmp_path):
    _tegrastats(
        tmp_path, ["RAM 1/2MB VDD_IN 4000mW/4000mW VDD_SOC 1000mW/1000mW", "VDD_IN 6000mW/5000mW VDD_SOC 1mW/1mW"]
    )
    meter = find_meter(tmp_path)
    with Watch(meter, 0.02) as watch:
        time.sleep(0.4)
    assert meter.kind == "module_rail" and watch.samples[0][1] == {"VDD_IN": 4.0, "VDD_SOC": 1.0}
    assert watch.samples[-1][1]["VDD_IN"] == 6.0 and 4.0 < watch.energy.watts <= 6.0


def test_a_tegrastats_that_tells_no_rails_is_a_sentence(tmp_path):
    program = tmp_path / "usr" / "bin" / "tegrastats"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'RAM 1/2MB'\n")
    program.chmod(0o755)
    assert find_meter(tmp_path) == f"power: {program} tells no rails"
