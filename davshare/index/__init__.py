"""The index: the only SQL.  Functions take an open connection and return plain rows."""
