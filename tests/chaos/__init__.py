"""Chaos: a purchase on the real stack, with its processes killed at every event and in every gap.

`links.py` holds back what one part says to another, so that a purchase stands still at a point (`stops.py`: after each
write of the history; `gaps.py`: between them) while `strike.py` kills something; `verdicts.py` judges by everybody's
own books, `storm.py` does all at random, `table.py` prints where each kill landed. `make test` runs a sample,
`make chaos` the whole matrix.
"""
