"""Chaos: the stories of money on the real stack, processes killed at every event and in every gap (`docs/chaos.md`).

`errands/`: what people want, in two acts; `news.py` lets their provider tell one thing at a time. `links.py` holds back
what one part says to another, so that an errand stands still at a point while something is killed. `matrix/`: where,
of what, and the kill itself; `verdicts/` judge by everybody's own books. `storm.py` does all at random. `make test`
draws a sample of the matrix, `make chaos` runs it whole.
"""
