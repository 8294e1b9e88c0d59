"""What outside systems tell us: verified on the raw body, committed, answered, then delivered."""
