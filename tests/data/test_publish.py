import os
import signal
import subprocess
import time
from pathlib import Path

import fake_fashion
import pytest
from children import PATIENCE, command

from initlab.data.fashion_mnist import sources
from initlab.data.fashion_mnist.files import missing, read_folder
from initlab.data.fashion_mnist.publish import staging

HERE = Path(__file__).parent
NUM_EVENTS = 16  # see publishing_child.py


def start(root: Path, kill_at: int = 0, num_twins: int = 1) -> subprocess.Popen[str]:
    source = Path(sources.__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{HERE}"}
    words = (HERE / "publishing_child.py", root, str(kill_at), str(num_twins))
    return command(*words, env=environment, text=True, stdout=subprocess.PIPE)


def test_the_child_meets_every_event(fake: Path) -> None:
    out, _ = start(fake).communicate(timeout=PATIENCE)
    assert int(out) == NUM_EVENTS


@pytest.mark.parametrize("kill_at", [1, 4, 5, 6, 7, 9, 13, 15, 16])
def test_a_kill_leaves_nothing_that_a_later_run_would_trust(
    fake: Path, kill_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start(fake, kill_at)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == -signal.SIGKILL

    raw = fake / "FashionMNIST" / "raw"
    if kill_at == NUM_EVENTS:
        fake_fashion.assert_right(read_folder(raw))
    else:
        assert missing(raw)
    assert len(list(raw.parent.glob(".fetch-*"))) == 1

    monkeypatch.setattr(sources, "download_by_torchvision", fake_fashion.lay)
    fake_fashion.assert_right(sources.load_fashion_mnist(fake))
    fake_fashion.assert_right(read_folder(raw))


def test_two_at_once_do_not_disturb_each_other(fake: Path) -> None:
    twins = [start(fake, num_twins=2) for _ in range(2)]
    for twin in twins:
        out, _ = twin.communicate(timeout=PATIENCE)
        assert twin.returncode == 0
        assert int(out) == NUM_EVENTS  # neither found the other's files: they did overlap
    fake_fashion.assert_right(read_folder(fake / "FashionMNIST" / "raw"))
    assert not list(fake.rglob(".fetch-*"))


def test_only_abandoned_leftovers_are_cleared_away(tmp_path: Path) -> None:
    at_work, abandoned = tmp_path / ".fetch-new", tmp_path / ".fetch-old"
    for folder in (at_work, abandoned):
        folder.mkdir()
        (folder / "half-a-file.gz").write_bytes(b"half")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(abandoned, (two_days_ago, two_days_ago))
    with staging(tmp_path) as own:
        assert set(tmp_path.iterdir()) == {at_work, own}
    assert set(tmp_path.iterdir()) == {at_work}
