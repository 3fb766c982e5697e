"""The command line: one module for each command or group of commands, loaded when it is called."""
