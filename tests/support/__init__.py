"""The harness of the black-box tests: a server in its own process group, clients, parsers, followers."""
