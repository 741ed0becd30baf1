"""Predict, then look: `python scripts/lesson.py seed=3`."""

from initlab.commands.lesson import main

if __name__ == "__main__":
    main()
