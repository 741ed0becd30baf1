"""Train a model: `python scripts/train.py model=mlp init=kaiming`. `--help` lists every choice."""

from initlab.commands.train import main

if __name__ == "__main__":
    main()
