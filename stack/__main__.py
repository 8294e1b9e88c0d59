"""`python -m stack` runs the academy; `python -m stack reset` deletes its data."""

import sys

from stack.supervisor import reset, run

if __name__ == "__main__":
    sys.exit(reset() if sys.argv[1:] == ["reset"] else run())
