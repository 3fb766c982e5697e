"""What people are told: notifications, mail, and what happened."""
