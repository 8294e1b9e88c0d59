"""Every kill at every event of every story: where it is held (`stops.py`, `gaps.py`), of what (`scenarios.py`)."""
