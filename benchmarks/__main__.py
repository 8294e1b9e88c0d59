"""`python -m benchmarks [--quick]`: every benchmark, each in a process of its own; the JSON lines come last.

`--quick` is a smoke run: does everything run and hold? Exit code 1 when a benchmark was invalid or failed.
"""

import subprocess
import sys

BENCHMARKS = ("purchase", "purchase razorpay", "webhook_latency", "catalog", "heartbeats", "outline")


def run(name: str) -> tuple[int, list[str]]:
    """Run one and pass its output on: its exit code and its JSON lines."""
    print(f"— {name}", flush=True)
    module, *arguments = name.split()
    command = [sys.executable, "-u", "-m", f"benchmarks.{module}", *arguments, *sys.argv[1:]]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                lines.append(line)
            else:
                print(line, end="", flush=True)
    return process.returncode, lines


def main() -> int:
    """The exit code."""
    results = {name: run(name) for name in BENCHMARKS}
    for name, (code, _) in results.items():
        if code:
            print(f"{name} FAILED with exit code {code}", file=sys.stderr, flush=True)
    print(*(line for _, lines in results.values() for line in lines), sep="", end="")
    return int(any(code for code, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main())
