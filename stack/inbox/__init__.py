"""A mail server for development and tests that keeps every mail and shows it: SMTP in, files, a web view and JSON.

Start it with `python -m stack.inbox`. It never sends anything on.
"""
