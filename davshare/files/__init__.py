"""The file service: where a path leads, who may do what, and the one writer of files, rows and journal."""
