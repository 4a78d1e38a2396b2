"""Several processes that work on the same thing, as `accelerate launch` or `torchrun` starts them."""

from __future__ import annotations

from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

PATIENCE = timedelta(days=7)  # of those that wait while one writes, looks or judges


def processes() -> PartialState:
    """Who else works on this, and the device of this process."""
    on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    return PartialState(cpu=on_cpu, timeout=PATIENCE)  # unless told, it sees no other processes on CPUs
