"""Processes, connections, and everything put together."""
