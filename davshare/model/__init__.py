"""The words of the domain; no I/O happens here."""
