"""The record of explanations is of the runs that are listed, each judged by what was planted in it."""

from initlab.shipped import CONFIGS

ROOT = CONFIGS.parent


def test_the_planted_cause_was_named_and_no_healthy_run_accused() -> None:
    from evidence.planted import BROKEN, HEALTHY
    from explain_evidence import CSV, SHOWN, read

    table = read(CSV)
    runs = [*((it.words, "|".join(it.planted)) for it in BROKEN), *((words, "") for words in HEALTHY)]
    assert [(row["run"][:SHOWN], row["planted"]) for row in table] == [(words[:SHOWN], cause) for words, cause in runs]
    for row in table:
        right = row["cause"] in row["planted"].split("|") if row["planted"] else row["verdict"] == "trains"
        assert row["right"] == str(right), row["run"]
        assert row["cause"] != "" or row["verdict"] == "trains"
    right = [row["right"] == "True" for row in table]
    assert sum(right[: len(BROKEN)]) >= 0.9 * len(BROKEN)
    assert all(right[len(BROKEN) :])


def test_the_page_is_of_the_record_and_says_what_fails() -> None:
    from explain_evidence import CSV, PAGE, page, read

    table = read(CSV)
    assert page(table) == PAGE.read_text()
    assert "In none of these runs." in page(table)
    wrong = page([table[0] | {"right": "False"}, *table[1:]])
    assert "In none of these runs." not in wrong
    assert f"- `{table[0]['run']}`: {table[0]['says']}" in wrong
