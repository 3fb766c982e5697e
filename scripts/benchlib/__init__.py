"""The parts of ``scripts/bench``: a load client on the standard library, the servers, and the tables."""
