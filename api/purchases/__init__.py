"""Buying a course, and what one has bought."""
