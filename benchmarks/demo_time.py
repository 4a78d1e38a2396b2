"""How long `edgegsr demo` takes from nothing but an installed package, and what its student then scores on dev.

python benchmarks/demo_time.py --out benchmarks/results/demo.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from result import publish


def run(folder: Path) -> dict[str, Any]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "edgegsr", "demo", "--out", str(folder / "demo"), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - started
    said = json.loads(done.stdout.splitlines()[-1])
    return {
        "benchmark": "demo_time",
        "seconds": round(seconds, 1),
        "report_bytes": Path(said["report"]).stat().st_size,
        "dev": said["dev"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        publish(run(Path(folder)), given.out)


if __name__ == "__main__":
    main()
