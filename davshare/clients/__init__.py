"""The door for programs made for ownCloud and Nextcloud: what they call beside WebDAV."""
