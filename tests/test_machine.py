from __future__ import annotations

from pathlib import Path

import pytest

from edgegsr.machine import Cpu, examine_machine

X86_CORE = """processor\t: {n}
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum
physical id\t: 0
core id\t\t: {core}
flags\t\t: fpu avx2 avx512f avx512_vnni amx_int8 amx_bf16
"""
ARM_CORE = """processor\t: {n}
BogoMIPS\t: 62.50
Features\t: fp asimd evtstrm aes atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: {implementer}
CPU part\t: {part}
"""
ORIN_NANO = {
    "proc/cpuinfo": "\n".join(ARM_CORE.format(n=n, implementer="0x41", part="0xd42") for n in range(6)),
    "proc/meminfo": "MemTotal:        7802428 kB\nMemFree: 1 kB\n",
    "proc/device-tree/model": "NVIDIA Jetson Orin NX Engineering Reference Developer Kit\0",
    "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n",
    "etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n',
}


def fake_root(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def fake_nvidia_smi(root: Path, script: str) -> None:
    fake_root(root, {"usr/bin/nvidia-smi": f"#!/bin/sh\n{script}\n"})
    (root / "usr/bin/nvidia-smi").chmod(0o755)


def test_an_x86_with_vnni_and_two_threads_a_core(tmp_path: Path) -> None:
    cpuinfo = "\n".join(X86_CORE.format(n=n, core=n // 2) for n in range(8))
    cpu = examine_machine(fake_root(tmp_path, {"proc/cpuinfo": cpuinfo})).cpu
    assert cpu == Cpu("Intel(R) Xeon(R) Platinum", "x86_64", 4, 8, ("AVX2", "AVX-512", "VNNI", "AMX", "BF16"))
    assert cpu.has_int8


def test_an_old_x86_has_no_int8(tmp_path: Path) -> None:
    cpuinfo = X86_CORE.format(n=0, core=0).replace("avx512f avx512_vnni amx_int8 amx_bf16", "sse4_2")
    cpu = examine_machine(fake_root(tmp_path, {"proc/cpuinfo": cpuinfo})).cpu
    assert cpu.features == ("AVX2",) and not cpu.has_int8


def test_an_arm_with_large_and_small_cores_is_named_after_both(tmp_path: Path) -> None:
    parts = ["0xd05"] * 4 + ["0xd0b"] * 4
    cpuinfo = "\n".join(ARM_CORE.format(n=n, implementer="0x41", part=part) for n, part in enumerate(parts))
    cpu = examine_machine(fake_root(tmp_path, {"proc/cpuinfo": cpuinfo})).cpu
    assert cpu == Cpu("Cortex-A55 + Cortex-A76", "aarch64", 8, 8, ("NEON", "dot product", "FP16"))
    assert cpu.has_int8


def test_an_unknown_arm_core_keeps_its_numbers(tmp_path: Path) -> None:
    cpuinfo = ARM_CORE.format(n=0, implementer="0x61", part="0x022")
    assert examine_machine(fake_root(tmp_path, {"proc/cpuinfo": cpuinfo})).cpu.model == "ARM core 0x61/0x022"


def test_a_jetson_is_known_by_its_part_number_even_when_its_name_lies(tmp_path: Path) -> None:
    machine = examine_machine(fake_root(tmp_path, ORIN_NANO))
    board = machine.board
    assert board is not None and board.is_jetson
    assert board.model == "NVIDIA Jetson Orin NX Engineering Reference Developer Kit"
    assert (board.module, board.compute_capability) == ("Jetson Orin Nano 8GB", "8.7")
    assert (board.l4t, board.jetpack) == ("36.4.3", "6.2")
    assert (machine.cpu.model, machine.cpu.cores, machine.system) == ("Cortex-A78AE", 6, "Ubuntu 22.04.5 LTS")
    assert machine.memory_bytes == 7802428 * 1024


@pytest.mark.parametrize(
    ("release", "l4t", "jetpack"),
    [
        ("# R39 (release), REVISION: 2.0, GCID: 1", "39.2.0", "7.2"),
        ("# R38 (release), REVISION: 2.1, GCID: 1", "38.2.1", "7.0"),
        ("# R36 (release), REVISION: 4.0, GCID: 1", "36.4.0", "6.1"),
        ("# R36 (release), REVISION: 4.7, GCID: 1", "36.4.7", "6.2.1"),
        ("# R35 (release), REVISION: 4.1, GCID: 1", "35.4.1", "5.1.2"),
        ("# R32 (release), REVISION: 7.4, GCID: 1", "32.7.4", "4.6.1 or newer"),
        ("# R99 (release), REVISION: 1.0, GCID: 1", "99.1.0", None),
        ("nothing of the kind", None, None),
    ],
)
def test_jetpack_follows_from_the_release(tmp_path: Path, release: str, l4t: str | None, jetpack: str | None) -> None:
    board = examine_machine(fake_root(tmp_path, ORIN_NANO | {"etc/nv_tegra_release": release})).board
    assert board is not None and (board.l4t, board.jetpack) == (l4t, jetpack)


def test_a_jetson_without_a_release_file_is_asked_for_its_package(tmp_path: Path) -> None:
    status = "Package: zlib\nVersion: 1\n\nPackage: nvidia-l4t-core\nStatus: ok\nVersion: 36.4.7-20250918154033\n\n"
    files = {name: text for name, text in ORIN_NANO.items() if name != "etc/nv_tegra_release"}
    board = examine_machine(fake_root(tmp_path, files | {"var/lib/dpkg/status": status})).board
    assert board is not None and (board.l4t, board.jetpack) == ("36.4.7", "6.2.1")


def test_a_board_that_is_no_jetson_keeps_its_name(tmp_path: Path) -> None:
    board = examine_machine(fake_root(tmp_path, {"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"})).board
    assert board is not None and board.model == "Raspberry Pi 5 Model B Rev 1.0" and not board.is_jetson


def test_gpus_are_those_that_the_driver_lists(tmp_path: Path) -> None:
    fake_nvidia_smi(tmp_path, "echo 'NVIDIA T4, 15360, 550.54.15, 7.5'; echo 'Orin (nvgpu), [N/A], [N/A], [N/A]'")
    first, second = examine_machine(tmp_path).gpus
    assert (first.name, first.memory_mb, first.driver, first.compute_capability) == (
        "NVIDIA T4",
        15360,
        "550.54.15",
        "7.5",
    )
    assert (second.memory_mb, second.driver, second.compute_capability) == (None, None, None)


def test_an_old_driver_does_not_tell_the_compute_capability(tmp_path: Path) -> None:
    fake_nvidia_smi(tmp_path, "case $1 in *compute_cap*) exit 2;; *) echo 'Tesla K80, 11441, 410.1';; esac")
    (gpu,) = examine_machine(tmp_path).gpus
    assert (gpu.name, gpu.memory_mb, gpu.compute_capability) == ("Tesla K80", 11441, None)


def test_a_driver_that_fails_is_no_gpu(tmp_path: Path) -> None:
    fake_nvidia_smi(tmp_path, "echo 'NVIDIA-SMI has failed'; exit 9")
    assert examine_machine(tmp_path).gpus == ()


def test_a_machine_that_tells_nothing_is_unknown_and_no_error(tmp_path: Path) -> None:
    machine = examine_machine(tmp_path)
    assert machine.board is None and machine.gpus == () and machine.cpu.threads >= 1


def test_a_mac_is_asked_with_sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"machdep.cpu.brand_string": "Apple M3", "hw.physicalcpu": "8", "hw.optional.arm.FEAT_DotProd": "1"}
    monkeypatch.setattr("edgegsr.machine.platform.system", lambda: "Darwin")
    monkeypatch.setattr("edgegsr.machine.platform.machine", lambda: "arm64")
    monkeypatch.setattr("edgegsr.machine._output", lambda command: answers.get(command[-1], ""))
    cpu = examine_machine(tmp_path).cpu
    assert (cpu.model, cpu.cores, cpu.features) == ("Apple M3", 8, ("NEON", "dot product"))


def test_this_very_machine_is_examined() -> None:
    machine = examine_machine()
    assert machine.cpu.cores >= 1 and machine.cpu.threads >= machine.cpu.cores
    assert machine.memory_bytes is not None and machine.memory_bytes > 1e8
    assert machine.free_disk_bytes is not None and machine.free_disk_bytes > 0
