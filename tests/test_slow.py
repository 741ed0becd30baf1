"""The list of slow tests names tests that are there."""

from pathlib import Path

TESTS = Path(__file__).parent


def test_the_list_is_of_tests_that_are_there() -> None:
    lines = (TESTS / "slow.txt").read_text().splitlines()
    for line in lines:
        if not line.startswith("#"):
            file, name = line.split("::")
            assert f"def {name}(" in (TESTS / file).read_text(), line
    assert len(set(lines)) == len(lines)
