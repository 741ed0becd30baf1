"""Why did a run not train? `python scripts/explain.py run=latest`."""

from initlab.commands.explain import main

if __name__ == "__main__":
    main()
