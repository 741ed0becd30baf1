"""What is set for the whole process, and why."""
