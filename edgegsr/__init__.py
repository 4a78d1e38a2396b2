"""edgegsr: distill, compress and export grounded situation recognition for the edge."""

import sys

__version__ = "0.1.0"

# OpenVINO and NNCF tell Google Analytics that they are used, and ask nobody; without this package they do not
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
