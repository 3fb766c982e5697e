"""HTTP without sockets: requests, answers, and the strict reader of heads and chunks."""
