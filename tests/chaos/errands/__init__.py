"""What people have to do with the academy in money matters, each with a story behind it."""
