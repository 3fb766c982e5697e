"""What an administrator can see of the running server."""
