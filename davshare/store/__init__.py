"""Bytes on disk; knows nothing of rows, people or protocols."""
