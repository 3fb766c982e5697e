"""What people share with each other: the face of grants."""
