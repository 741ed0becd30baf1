"""Will it train? Said before the first step: `python scripts/forecast.py model=mlp init=normal model.depth=20`."""

from initlab.commands.forecast import main

if __name__ == "__main__":
    main()
