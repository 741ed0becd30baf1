"""train.py with jobs that take no time: what stands around a job is real, the training is a formula.

The score is (log10(lr) + 1)^2 plus a little that grows with the seed. Seed 13 raises, seed 666 kills its process, and
WAIT_AT=3 in the environment lets job 3 write its process's number into a file `waiting`, and wait without end.
"""

import json
import math
import os
import signal
import time
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from initlab.cli.main import main


@main("train")
def train(cfg: DictConfig) -> float:
    folder = Path(cfg.run_dir)
    OmegaConf.save(cfg, folder / "config.yaml", resolve=True)
    if str(HydraConfig.get().job.num) in os.environ.get("WAIT_AT", "").split(","):
        (folder / "waiting").write_text(str(os.getpid()))
        while True:
            time.sleep(60)
    if cfg.seed == 13:
        raise RuntimeError("unlucky")
    if cfg.seed == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    score = (math.log10(cfg.lr) + 1) ** 2 + cfg.seed / 100
    summary = {"metrics": {"val/loss": score, "lr": cfg.lr}, "score": score, "monitor": cfg.monitor, "seconds": 0.1}
    (folder / "summary.json").write_text(json.dumps(summary))
    return score


if __name__ == "__main__":
    train()
