"""Clients of outside systems, each behind one small Protocol."""
