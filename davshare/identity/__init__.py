"""Who is asking: passwords, app tokens, the slowing of guesses, and the gate that puts them together."""
