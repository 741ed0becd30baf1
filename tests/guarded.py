"""For the tests of what watches: nothing goes wrong inside the monitor, save where a test brings it about."""

from collections.abc import Iterator

import pytest

from initlab.monitor.guard import Guard


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What the monitor printed about itself; a failure in it fails the test that does not ask for them."""
    printed: list[str] = []
    note = Guard.note

    def keep(self: Guard, text: str) -> None:
        printed.append(text)
        note(self, text)

    monkeypatch.setattr(Guard, "note", keep)
    yield printed
    if "notes" not in request.function.__code__.co_varnames:
        assert not [text for text in printed if "failed" in text or "no longer" in text or "not watched (" in text]
