"""A past run's model on its own test set: `python scripts/evaluate.py run=latest`."""

from initlab.commands.evaluate import main

if __name__ == "__main__":
    main()
