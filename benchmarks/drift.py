"""Whether an exported graph says what its network says, so that nothing else is timed."""

from __future__ import annotations

import numpy as np
import torch

DRIFT = 1e-3  # of the largest answer


def drift(wanted: tuple[torch.Tensor, ...], found: list[np.ndarray]) -> float:
    """The median difference in shares of the largest answer; two queries of one score may have changed places."""
    shares = [float(np.median(abs(a.numpy() - b)) / abs(b).max()) for a, b in zip(wanted, found)]
    if not max(shares) <= DRIFT:
        raise SystemExit(f"the exported graph says something else than its network: off by {max(shares):.2g}")
    return float(f"{max(shares):.1e}")
