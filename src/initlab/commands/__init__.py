"""What is typed, a file a command: `initlab train` and `python scripts/train.py` are the same."""
