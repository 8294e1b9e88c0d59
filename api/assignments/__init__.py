"""Assignments: what is asked, files, what learners hand in, and grading."""
