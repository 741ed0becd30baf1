"""What the monitor's observers take along in a checkpoint."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from initlab.diagnosis.finding import Finding
from initlab.diagnosis.findings_report import FindingsReport
from initlab.monitor.history import History


def test_findings_that_are_over_are_not_forgotten(tmp_path: Path) -> None:
    """And the file that holds them loads weights-only."""
    monitor: Any = SimpleNamespace(history=History())
    before = FindingsReport()
    assert not before.wants(monitor, 9)
    assert before.wants(monitor, 10)
    over = Finding("dead layer", ("phi.0", "phi.1"), 0, "share dead", float("nan"), "...", "...")
    before._found = {(over.kind, over.from_the_start): over}
    before._next = 86
    torch.save(before.state_dict(), tmp_path / "state")

    after = FindingsReport()
    after.load_state_dict(torch.load(tmp_path / "state", weights_only=True), monitor)
    assert [finding.record() for finding in after.found] == [over.record()]
    assert not after.wants(monitor, 85)
    assert after.wants(monitor, 86)
