"""CSV files as data, against the published table, pandas, and rows changed by hand."""

import bz2
import csv
import gzip
import io
import logging
import lzma
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab.data import CSVTable
from initlab.errors import UserError
from initlab.shipped import CONFIGS

HOUSES = CONFIGS.parent / "docs" / "data" / "house_prices.csv"
ALL = {"val_size": 0, "test_size": 0}  # every row trains
ROWS = "a,b,y\n" + "".join(f"{i},{'uvw'[i % 3]},{i * i}\n" for i in range(20))


def table(tmp_path: Path, content: str | bytes, **more: Any) -> CSVTable:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return CSVTable(**({"path": path, "target": "y", "task": "regression"} | more))


def by_pandas(frame: pd.DataFrame, train: list[int]) -> pd.DataFrame:
    """d2l 2.2 with the means and the words of the training rows."""
    numeric = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    filled = frame[numeric].fillna(frame[numeric].iloc[train].mean())
    dummies = []
    for name in frame.columns.drop(numeric):
        words = frame[name]
        known = words.where(words.isin(set(words.iloc[train].dropna())) | words.isna(), "?")
        dummies.append(pd.get_dummies(known, prefix=name, dummy_na=True).drop(columns=f"{name}_?", errors="ignore"))
    return pd.concat([filled, *dummies], axis=1).astype("float64")


def test_the_books_table_exactly() -> None:
    data = CSVTable(path=HOUSES, target="Price", task="regression", normalize=False, **ALL)
    X, y = data.splits.train
    assert data.input_names == ("NumRooms", "RoofType_Slate", "RoofType_nan")
    assert X.tolist() == [[3, 0, 1], [2, 0, 1], [4, 1, 0], [3, 0, 1]]
    assert y.tolist() == [[127500], [106000], [178100], [140000]]
    assert (X.dtype, y.dtype, data.num_inputs, data.num_outputs) == (torch.float32, torch.float32, 3, 1)
    assert all(part is X or part.equal(X) for part, _ in data.splits)
    # pandas, as the book calls it
    frame = pd.read_csv(HOUSES)
    theirs = pd.get_dummies(frame.iloc[:, :2], dummy_na=True)
    theirs = theirs.fillna(theirs.mean())
    assert tuple(theirs) == data.input_names
    np.testing.assert_array_equal(X, theirs.to_numpy(float))
    assert data.summary == (
        "house_prices.csv: rows 4 train, 4 val, 4 test; target Price; "
        "3 inputs from NumRooms (2 missing: mean 3); RoofType (Slate, missing)"
    )


NUMBER = st.floats(-1e6, 1e6, width=32).map(lambda x: round(x, 3))
WORD = st.text(st.sampled_from("abcé ,;\"'\n#-"), min_size=1, max_size=4).map(lambda s: f"x{s}x")


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(3, 12))
    kinds = draw(st.lists(st.sampled_from("nt"), min_size=1, max_size=5))
    columns: dict[str, Any] = {}
    for i, kind in enumerate(kinds):
        cells = draw(
            st.lists(st.none() | (NUMBER if kind == "n" else WORD), min_size=rows, max_size=rows).filter(
                lambda cells: any(cell is not None for cell in cells)
            )
        )
        columns[f"c{i}"] = pd.Series(cells, dtype="float64" if kind == "n" else "str")
    columns["y"] = pd.Series(draw(st.lists(NUMBER, min_size=rows, max_size=rows)), dtype="float64")
    return pd.DataFrame(columns)


WRITTEN = st.fixed_dictionaries(
    {
        "sep": st.sampled_from(",;\t|"),
        "decimal": st.sampled_from(".,"),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
        "na_rep": st.sampled_from(["", "NA", "null"]),
    }
)
ENCODING = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
PACKED = st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress])


@settings(max_examples=60)
@given(frames(), WRITTEN, ENCODING, PACKED, st.booleans(), st.sampled_from([0, 1, 0.3]), st.integers(0, 5))
def test_any_table_is_what_pandas_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame, how: dict[str, Any], encoding: str, packed: Any,
    normalize: bool, val: float, seed: int,
) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "random"  # no suffix: what it is packed with is seen from its bytes
    frame.insert(0, "half", 0.5)  # 0,5 is no group of thousands: the decimal mark can be told
    path.write_bytes(packed(frame.to_csv(index=False, **how).encode(encoding)))
    asked: dict[str, Any] = {"val_size": val, "test_size": 1, "split_seed": seed, "task": "regression"}
    try:
        plain = CSVTable(path=path, target="y", normalize=False, **asked)
    except UserError as error:  # a column without a value in the few rows that train
        assert "none of the" in str(error)  # noqa: PT017
        return
    # The target's rows tell which rows are where, unless two are equal; the split depends on their number alone.
    frame_of_places = frame.assign(y=range(len(frame)))
    path.write_bytes(packed(frame_of_places.to_csv(index=False, **how).encode(encoding)))
    places = CSVTable(path=path, target="y", normalize=False, **asked).splits
    where = [part[1].flatten().long().tolist() for part in places]
    assert sorted(where[0] + where[2] + (where[1] if val else [])) == list(range(len(frame)))
    path.write_bytes(packed(frame.to_csv(index=False, **how).encode(encoding)))

    expected = by_pandas(frame.drop(columns="y"), where[0])
    numeric = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name]) and name != "y"]
    target = frame[["y"]]
    data = CSVTable(path=path, target="y", normalize=normalize, **asked)
    assert tuple(expected) == data.input_names == plain.input_names
    if normalize:
        train = frame.iloc[where[0]]
        std = lambda part: part.std().fillna(1).replace(0.0, 1)  # noqa: E731
        expected[numeric] = (expected[numeric] - train[numeric].mean()) / std(train[numeric])
        target = (target - train[["y"]].mean()) / std(train[["y"]])
    for (X, y), rows in zip(data.splits, where, strict=True):
        assert X.dtype == y.dtype == torch.float32
        assert X.isfinite().all()
        assert y.isfinite().all()
        # pandas sums in another order: a few units of 2^-53, of numbers up to 1e6 whose differences may be 1e-3.
        np.testing.assert_allclose(X, expected.iloc[rows].to_numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(y, target.iloc[rows].to_numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_rows_held_out_leave_no_trace_in_the_training_rows(tmp_path: Path, task: str) -> None:
    lines = [f"{i},{'uvw'[i % 3]},{i % 2}" for i in range(20)]
    before = table(tmp_path, "a,b,y\n" + "\n".join(lines) + "\n", task=task)
    held_out = {round(x) for part in ("val", "test") for x in self_numbers(tmp_path, lines, task, part)}
    assert len(held_out) == 8
    for row in held_out:
        lines[row] = f"{1e6 * row},never seen,{row % 2 if task == 'classification' else 1e9}"
    after = table(tmp_path, "a,b,y\n" + "\n".join(lines) + "\n", task=task)
    for one, other in zip(before.splits.train, after.splits.train, strict=True):
        assert torch.equal(one, other)
    assert before.columns == after.columns
    X = after.splits.val[0]
    assert not X[:, 1:].any()  # a word that no training row has is no word, and not missing


def self_numbers(tmp_path: Path, lines: list[str], task: str, part: str) -> list[float]:
    """The numbers of the rows of a part, read off column a."""
    data = table(tmp_path, "a,b,y\n" + "\n".join(lines) + "\n", task=task, normalize=False)
    return getattr(data.splits, part)[0][:, 0].tolist()


def test_classes_are_named_sorted_and_split_alike(tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"{i},{('no', 'yes', 'yes')[i % 3]}\n" for i in range(60))
    data = table(tmp_path, text, task="classification", val_size=0.2, test_size=12, batch_size=7)
    assert (data.class_names, data.num_outputs, data.task) == (("no", "yes"), 2, "classification")
    assert [(len(y), int(y.sum())) for _, y in data.splits] == [(36, 24), (12, 8), (12, 8)]
    X, y = next(iter(data.train_dataloader()))
    assert (X.shape, y.shape, y.dtype) == ((7, 1), (7,), torch.int64)
    numbers = table(tmp_path, "a,y\n" + "".join(f"{i},{i % 3 * 5}\n" for i in range(9)), task="classification", **ALL)
    assert numbers.class_names == ("0", "5", "10")
    assert numbers.splits.train[1].tolist() == [i % 3 for i in range(9)]


def test_classes_are_text_as_it_stands(tmp_path: Path) -> None:
    """No two of them are equal, though all of a line are as floats; nor is one read as a number of another notation."""
    for names in (
        ("90071992547409920", "90071992547409921"),
        ("01", "1"),
        ("1", "1.0"),
        ("1000", "1e3"),
        ("$5", "5"),
        ("1,5", "1.5"),
        ("False", "True"),
        ("2020-01-01", "2020-01-02"),
    ):
        text = "a;y\n" + "".join(f"{i};{names[i % 2]}\n" for i in range(8))
        data = table(tmp_path, text, task="classification", **ALL)
        assert data.class_names == names
        assert data.splits.train[1].tolist() == [0, 1] * 4


def test_separators_quotes_marks_and_names(tmp_path: Path) -> None:
    text = '\ufeffId;"a; b";;y\n1; 5;?;1\n2;"6"; x ;2\n\n3;-;y\tz;3\n'
    data = table(tmp_path, text, na_values=["?", "-"], drop=["Id"], text=["a; b"], normalize=False, **ALL)
    assert data.input_names == (
        "a; b_5", "a; b_6", "a; b_nan", "column 3_x", "column 3_y\tz", "column 3_nan",
    )  # fmt: skip
    assert data.splits.train[0].tolist() == [[1, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0]]
    assert data.splits.train[1].flatten().tolist() == [1, 2, 3]
    renamed = table(tmp_path, "2020\ty\n1\t1\n2\t2\n", target=2020, **ALL)
    assert renamed.input_names == ("y",)


@pytest.mark.parametrize(
    ("cells", "numbers", "more"),
    [
        (["50,5", "1,25", "3"], [50.5, 1.25, 3], {}),
        (["1.200,5", "1,25", "3.000"], [1200.5, 1.25, 3000], {}),
        (["1,200.50", "2,000,300", "7"], [1200.5, 2000300, 7], {}),
        (["1,200", "0.5", "7"], [1200, 0.5, 7], {}),
        (["1,200", "2,500"], [1.2, 2.5], {"decimal": ","}),
        (["1,200", "2,500"], [1200, 2500], {"thousands": ","}),
        (["1.200", "2.500"], [1200, 2500], {"thousands": "."}),
        (["$50", "-$7.5", "$-1,200", "NA"], [50, -7.5, -1200, 1157.5 / -3], {}),
        (["50 €", "7,5 €"], [50, 7.5], {}),
        (["50%", "7.5 %"], [50, 7.5], {}),
        (["1\u2009200", "2\xa0500,5", "3\u202f000", "1 000 000"], [1200, 2500.5, 3000, 1e6], {}),
        (["1'200", "2’500.5"], [1200, 2500.5], {}),
        (["\u22125", "\u22121.5", "2"], [-5, -1.5, 2], {}),
        (["5"] * 3000 + ["1,200.5"], [5] * 3000 + [1200.5], {}),
        (["-999", "1.0", "-999.0"], [1, 1, 1], {"na_values": [-999]}),
        (["99999999999999999999", "+1", "1E+05", ".5", "2."], [1e20, 1, 1e5, 0.5, 2], {}),
    ],
)  # fmt: skip
def test_numbers_in_other_notations(
    tmp_path: Path, cells: list[str], numbers: list[float], more: dict[str, Any]
) -> None:
    text = "a;y\n" + "".join(f"{cell};{i}\n" for i, cell in enumerate(cells))
    data = table(tmp_path, text, normalize=False, **ALL, **more)
    assert data.input_names == ("a",)
    np.testing.assert_array_equal(data.splits.train[0].flatten(), np.float32(numbers))


def test_the_notation_that_was_guessed_is_printed_in_one_line(
    tmp_path: Path, fit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from initlab.models import LinearRegression

    data = table(tmp_path, "a;b;y\n" + "".join(f"{i},5;$1.20{i % 10},00;{i}\n" for i in range(20)))
    with caplog.at_level(logging.INFO, "initlab.data"):
        fit(LinearRegression(data.num_inputs), data)
    assert [record.message for record in caplog.records if record.name.startswith("initlab")] == [
        "t.csv: read as numbers: a ('0,5' is 0.5), b ('$1.200,00' is 1200 in $); "
        "data.decimal, data.thousands and data.text change that",
        data.summary,
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a;y\n" + "1.200;1\n2.500;2\n" * 9, "a ('1.200' is 1.2)"),
        ("a;y\n" + "5;1\n" * 300 + "3.000;1\n2.000;2\n", "a ('3.000' is 3)"),
        ("a;b;y\n" + "7;x.;1.200\n;5 z;22.500\n" * 9, "y ('1.200' is 1.2)"),
        ("a;y\n" + "1.200;1\n2.500;2.5\n" * 9, ""),  # another column tells
        ("a;y\n" + "1.200;1\n" * 300 + "0.500;2\n", ""),
        ("a;y\n" + "1200;1\n2500;2\n" * 9, ""),
        ("a;y\n" + "1.200e+03;1\n2.500E+03;2\n" * 9, ""),
        ("a,y\n" + "1.200,1\n2.500,2\n" * 9, ""),
        ("a\ty\n" + "1.200\t1\n2.500\t2\n" * 9, ""),
    ],
)
def test_numbers_that_may_have_points_between_thousands_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, said: str
) -> None:
    """A semicolon separates cells where a comma is the decimal mark."""
    for sure in ({}, {"decimal": "."}):
        caplog.clear()
        data = table(tmp_path, text, **sure)
        strategy = SimpleNamespace(root_device=torch.device("cpu"))
        data.trainer = SimpleNamespace(is_global_zero=True, strategy=strategy)  # type: ignore[assignment]
        with caplog.at_level(logging.INFO, "initlab.data"):
            data.setup("fit")
        keys = "; data.decimal, data.thousands and data.text change that"
        guess = [f"t.csv: read as numbers: {said}{keys}"] if said and not sure else []
        assert [record.message for record in caplog.records] == [*guess, data.summary]


def test_the_separator_is_looked_for_outside_quotes_and_in_every_row(tmp_path: Path) -> None:
    for text, names in (
        ('"a;b","c\td",y\n1,2,3\n4,5,6\n', ("a;b", "c\td")),
        ("a, in m;b, in m;y\n1,5;2;3\n4;5,5;6\n", ("a, in m", "b, in m")),
        ("a|b|y\n1|2|3\n", ("a", "b")),
        ("sep=;\na,5;b;y\n1;2;3\n", ("a,5", "b")),
        ('"New\nline",b,y\n1,2,3\n', ("New line", "b")),
    ):
        assert table(tmp_path, text, **ALL).input_names == tuple(" ".join(name.split()) for name in names)


@pytest.mark.parametrize(
    ("known", "held_out", "limit"),
    [
        (["0.1"], "0.2", 1),
        (["0.1", "0.10000000000000002"], "0.2", 1),
        (["0.1", "0.10000000149011612"], "0.2", 1),  # through float32
        (["1000000000.0000001", "1000000000.0000004", "1e9"], "1000000001", 2),
        (["1e-30"], "1", 2),
        (["0.1", "0.1", "0.1", "0.1001"], "0.2", 1),  # nearly constant: 2,000 standard deviations away
    ],
)
def test_a_constant_column_blows_no_row_up(tmp_path: Path, known: list[str], held_out: str, limit: float) -> None:
    """NumPy's standard deviation of ten times 0.1 is 1e-17."""
    asked: dict[str, Any] = {"val_size": 1, "test_size": 0}
    rows = [f"{known[i % len(known)]};{i};{known[i % len(known)]}\n" for i in range(11)]
    place = int(table(tmp_path, "a;b;y\n" + "".join(rows), normalize=False, **asked).splits.val[0][0, 1])
    rows[place] = f"{held_out};{place};{held_out}\n"
    data = table(tmp_path, "a;b;y\n" + "".join(rows), **asked)
    for X, y in data.splits:
        assert X[:, 0].abs().max() <= limit
        assert y.abs().max() <= limit
    assert data.splits.train[0][:, 1].std() == pytest.approx(1)


def test_a_small_spread_far_from_zero_is_normalised(tmp_path: Path) -> None:
    rows = "".join(f"{1.7e9 + 60 * i:.0f},{i}\n" for i in range(10))  # ten minutes, as Unix seconds
    X = table(tmp_path, "a,y\n" + rows, **ALL).splits.train[0]
    np.testing.assert_allclose(X.flatten(), (np.arange(10) - 4.5) / np.arange(10).std(ddof=1), rtol=1e-6)


@pytest.mark.parametrize("unit", ["e-30", "e-160", "e-200", "e-300", "e+30"])
def test_the_size_of_a_column_does_not_matter_once_normalised(tmp_path: Path, unit: str) -> None:
    """The square of 1e-200 is 0 in 64 bits too."""
    rows = "".join(f"{i + 3}{unit},{i * i + 1}{unit}\n" for i in range(10))
    X, y = table(tmp_path, "a,y\n" + rows, **ALL).splits.train
    for found, known in ((X, np.arange(10) + 3), (y, np.arange(10) ** 2 + 1)):
        np.testing.assert_allclose(found.flatten(), (known - known.mean()) / known.std(ddof=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [
        (["1e-200", "2e-200", "3e-46"], True),
        (["1000000000.1", "1000000000.2"], True),
        (["1e-200", "1e-200"], False),  # which tells nothing apart in the file either
        (["1e-200", "1"], False),
        (["1e-40", "2e-40"], False),
    ],
)
def test_a_column_that_float32_makes_constant_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, numbers: list[str], lost: bool
) -> None:
    rows = "".join(f"{numbers[i % len(numbers)]},u,{i}\n" for i in range(12))
    for normalize in (False, True):
        caplog.clear()
        data = table(tmp_path, "a,b,y\n" + rows, normalize=normalize, **ALL)
        strategy = SimpleNamespace(root_device=torch.device("cpu"))
        data.trainer = SimpleNamespace(is_global_zero=True, strategy=strategy)  # type: ignore[assignment]
        data.setup("fit")
        warned = ["t.csv: the values of a differ, but not in float32; data.normalize=true tells them apart"]
        assert [record.message for record in caplog.records] == (warned if lost and not normalize else [])
        assert lost == (len(data.splits.train[0][:, 0].unique()) == 1 and len(set(numbers)) > 1) or normalize


def test_a_row_far_from_the_training_rows_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [f"{1 + 1e-5 * (i % 3)},{i % 5}\n" for i in range(20)]
    place = int(table(tmp_path, "a,y\n" + "".join(f"{i},{i}\n" for i in range(20)), normalize=False,
                      val_size=1, test_size=0).splits.val[0][0, 0])  # fmt: skip
    lines[place] = "2,1\n"
    data = table(tmp_path, "a,y\n" + "".join(lines), val_size=1, test_size=0)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(is_global_zero=True, strategy=strategy)  # type: ignore[assignment]
    data.setup("fit")
    X = np.array([float(line.split(",")[0]) for i, line in enumerate(lines) if i != place])
    away = (2 - X.mean()) / X.std(ddof=1)
    assert f"a (by {away:,.0f})" in caplog.text


def test_another_file_is_not_trained_further(tmp_path: Path) -> None:
    first, second = table(tmp_path, ROWS), table(tmp_path, ROWS.replace("19", "18"))
    first.load_state_dict(first.state_dict())
    with pytest.raises(UserError, match="not the one that the run began with"):
        second.load_state_dict(first.state_dict())


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ("", {}, "this file has no line of names"),
        ("\n \n", {}, "this file has no line of names"),
        ("a,y\n", {}, "there are no rows under the line of names"),
        (b"a,y\ncaf\xe9,1\n", {}, "not UTF-8 text (byte 0xe9 in line 2)"),
        (b"a,y\r\n\xe9t\xe9,1\r\n", {}, "not UTF-8 text (byte 0xe9 in line 2)"),
        ("a,y\n\u00c5,1\r\u2028\u0445,2\n".encode() + b"caf\xe9,1\n", {}, "not UTF-8 text (byte 0xe9 in line 4)"),
        ("\ufeffa,y\n1,2\n".encode("utf-16-le") + b"\0\xd8\n\0", {}, "not UTF-16 text (byte 0x00 in line 3)"),
        ("a,y\n1,2\n1,2,3\n", {}, "line 3 has 3 cells, but there are 2 column names"),
        ("a,y\n1\n", {}, "line 2 has 1 cell, but"),
        ("a,y\r1,2\r3\r", {}, "line 3 has 1 cell, but"),
        ('a,y\n"x\nz",1\n"u\n\nv",2\n1\n', {}, "line 7 has 1 cell, but"),
        ('a,y\n1,2\n"3,4\n5,6\n', {}, "the row of line 3 is not CSV: a quote is not closed"),
        ('a,y\n1,2\n"3,4\n' + "5,6\n" * 50_000, {}, "the row of line 3 is not CSV: a quote is not closed"),
        ('a,y\n"1"x,2\n', {}, "the row of line 2 is not CSV: ',' expected"),
        ("a,y\n1,2\n\0,2\n", {}, "line 3 holds a NUL byte"),
        ("a,y\n1,2\n".encode("utf-16-le"), {}, "line 1 holds a NUL byte"),
        ("a,y\n1,2\n".encode("utf-16")[:-1], {}, "not UTF-16 text"),
        ("1,2.5,y\n".replace("y", "3") + "4,5,6\n", {"target": 3}, "the first line holds numbers alone"),
        ("a b y\n1 2 3\n", {}, "no such column (a b y); cells are separated by a comma, a semicolon, a tab or |"),
        ("a,y,\n1,2,\n", ALL, "column 3: none of the 1 training rows has a value"),
        ("a;y\n1,200;1\n2,500;2\n", {}, "'2,500' may be a fraction or thousands; say \"data.decimal=','\" or"),
        ("a;b;y\n1,20;1.5;1\n2;2.25;2\n", ALL, "column a: '1,20' is not a number with \"data.decimal='.'\", but 1"),
        ("a,y\n1,1\n", {"decimal": ",", "thousands": ","}, "they must differ"),
        ("a,y\n1,1\n", {"decimal": ";"}, 'data.decimal=;: must be "." or ",", or null: found'),
        ("a,y\n50%,1\n7,2\n8%,3\n", ALL, "line 3, column a: '7', but other cells of this column are in %"),
        ("a,y\n$5,1\n€7,2\n", ALL, "line 3, column a: '€7', but other cells of this column are in $"),
        ("a,y\n(50),1\n(60),2\n", ALL, "line 2, column a: '(50)' is not a number; write it as one"),
        ("a,y\n50 kg,1\n60 kg,2\n", ALL, "column a: '50 kg' is not a number"),
        ("a,y\nEUR 50,1\nEUR 60,2\n", ALL, "column a: 'EUR 50' is not a number"),
        ("a,y\n2020-01-31,1\n2020-02-01,2\n", ALL, "say \"data.text=[a]\" if all of them are names"),
        ("a,y\n1_000,1\n2_000,2\n", ALL, "column a: '1_000' is not a number"),
        ("a,y\n1,1\n2,2\n?,3\n?,4\n?,5\n", ALL, "column a: '?' is not a number, but 2 of 5 cells"),
        ("a,y\n1,2\n3,1e400\n", {}, "data.target=y: line 3: 1e400 is not finite"),
        ("a,a,y\n1,2,3\n", {}, "two columns are called a;"),
        ("a,a_nan,y\nu,1,1\n,2,2\n", ALL, "two inputs would be called a_nan, of a_nan and a; give these columns names"),
        ("a,a_b,y\nb_c,c,1\nv,d,2\n", ALL, "two inputs would be called a_b_c, of a and a_b; give these columns names"),
        ("a,y\nnan,1\n,2\n", ALL | {"na_values": []}, "called a_nan, the word and missing; add it: \"data.na_values="),
        ("y\n1\n2\n", {}, "besides the target, y, no column is left"),
        ("a,Yield\n1,2\n", {"target": "yield"}, "t.csv has no such column; did you mean data.target=Yield?"),
        ("a,y\n1,2\n", {"drop": ["b"]}, "data.drop=b: t.csv has no such column (a, y)"),
        ("a,y\n1,2\n", {"text": ["c"]}, "data.text=c: t.csv has no such column"),
        ("a,y\n1,2\n", {"drop": ["y"]}, "data.drop=['y']: the target, y, cannot be left out"),
        ("a,y\n1,2\n3,4\n", {}, "leave none to train on"),
        ("a,y\n1,2\n3,NA\n", {}, "data.target=y: 1 of 2 rows have none, first line 3;"),
        ("a,y\n1,2\n3,red\n", {}, "line 3: 'red' is not a number, but 1 of 2 cells of this column are; this model"),
        ("a,y\n1,2\n3,inf\n", {}, "data.target=y: line 3: inf is not finite"),
        ("a,y\n1,0.5\n3,1\n", {"task": "classification"}, "line 2: 0.5 is no class; if it is a quantity take"),
        ("a,y\n1,x\n3,x\n", {"task": "classification"}, "every row has the same value, x;"),
        ("a,y\n" + "".join(f"1,w{i}\n" for i in range(1001)), {"task": "classification"}, "1,001 different values"),
        ("a,y\n" + "".join(f"w{i},1\n" for i in range(1001)), ALL, "column a: 1,001 different words, but"),
        ("a,y\nNA,1\n,2\n", ALL, "column a: none of the 2 training rows has a value; leave it out with"),
        ("a,y\n1,1\n1e39,2\n", ALL, "line 3, column a: 1e39 is not finite, or not in 32 bits"),
        ("a,y\n1,1\n-inf,2\n", ALL, "line 3, column a: -inf is not finite"),
        ("a,y\n1,1\n2,2\n?,3\n", ALL, "line 4, column a: '?' is not a number, but 2 of 3 cells of this column are"),
        ("a,y\n1,1\n", {"val_size": 1.0}, "data.val_size=1.0: must be a share"),
        ("a,y\n1,1\n", {"test_size": -1}, "data.test_size=-1: must be a share"),
        ("a,y\n1,1\n", {"target": None}, "data.target=null: must be the name"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_one_sentence(
    tmp_path: Path, text: str | bytes, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError) as error:
        table(tmp_path, text, **more)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("asked", [None, [], ["?"], ["-", "n/a"], ["NA", "none"], [-1], ["x", 2.5]])
def test_the_cells_that_count_as_missing_are_those_of_pandas(tmp_path: Path, asked: list[Any] | None) -> None:
    """Those that are asked for and empty ones, no others that pandas would count by itself."""
    by_default = ["NA", "N/A", "NaN", "nan", "NULL", "null"]
    missing = ["", *map(str, by_default if asked is None else asked)]
    words = ["", "NA", "N/A", "NaN", "NULL", "null", "?", "-", "n/a", "none", "None", "<NA>", "-1", "2.5", "x", "na"]
    cells = [*missing, "7", "30"]
    frame = pd.DataFrame({"number": [cells[i % len(cells)] for i in range(len(words))], "word": words, "y": 1.5})
    frame.to_csv(tmp_path / "t.csv", index=False)
    more = {} if asked is None else {"na_values": asked}
    data = CSVTable(path=tmp_path / "t.csv", target="y", task="regression", normalize=False, **more, **ALL)
    read = pd.read_csv(tmp_path / "t.csv", usecols=["number", "word"], na_values=missing, keep_default_na=False)
    theirs = pd.get_dummies(read.fillna({"number": read["number"].mean()}), dummy_na=True)
    assert data.input_names == tuple(theirs)
    np.testing.assert_allclose(data.splits.train[0], theirs.to_numpy(float), rtol=1e-6)


@settings(max_examples=60)
@given(st.data())
def test_inputs_have_names_of_their_own_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    part = st.sampled_from(["a", "b", "a_b", "b_a", "nan", "a_nan", "a_a"])
    names = data.draw(st.lists(part, min_size=1, max_size=3, unique=True))
    cells = {name: data.draw(st.lists(part | st.just("1"), min_size=4, max_size=4)) for name in names}
    path = tmp_path_factory.getbasetemp() / "names.csv"
    pd.DataFrame(cells | {"y": range(4)}).to_csv(path, index=False)
    asked: dict[str, Any] = {"target": "y", "task": "regression", "text": names, "na_values": [], **ALL}
    theirs = pd.get_dummies(pd.read_csv(path, dtype=str, keep_default_na=False)[names], dummy_na=True)
    if theirs.columns.is_unique:
        assert CSVTable(path=path, **asked).input_names == tuple(theirs)
    else:
        twice = theirs.columns[theirs.columns.duplicated()]
        with pytest.raises(UserError, match=f"two inputs would be called ({'|'.join(twice)}), "):
            CSVTable(path=path, **asked)


def test_a_row_held_out_may_be_wrong_too(tmp_path: Path) -> None:
    lines = ROWS.splitlines()
    for word, says in (("much", "'much' is not a number"), ("3e38", "3e\\+38 is too far from the training rows")):
        held_out = int(table(tmp_path, ROWS, normalize=False).splits.test[0][0, 0])
        wrong = [*lines]
        wrong[held_out + 1] = f"{word},u,1"
        for unit in ("1e-9", "1e-29"):
            tiny = [wrong[0], *(line if line.startswith(word) else f"{unit}{line}" for line in wrong[1:])]
            with pytest.raises(UserError, match=f"line {held_out + 2}, column a: {says}"):
                table(tmp_path, "\n".join(tiny))


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text(ROWS)
    os.mkfifo(tmp_path / "fifo")
    for path, says in (
        (tmp_path / "fifo", "this is neither a file nor a folder"),
        ("/dev/zero", "this is neither a file nor a folder"),
        (tmp_path / "house.csv", f"there is no such file; did you mean data.path={tmp_path}/houses.csv?"),
        (tmp_path / "nowhere" / "x.csv", "there is no such file (looked from"),
        (tmp_path, f"this is a folder; name the file itself, such as data.path={tmp_path}/houses.csv"),
        ("/dev/null", "this is neither a file nor a folder"),
        ("https://example.org/houses.csv", "must be the path of a CSV file on this machine"),
        ("file:///houses.csv", "must be the path of a CSV file on this machine"),
    ):
        with pytest.raises(UserError) as error:
            CSVTable(path=path, target="y", task="regression")
        assert str(error.value).startswith(f"data.path={path}: ")
        assert says in str(error.value)


def test_packed_files(tmp_path: Path) -> None:
    def packed(**members: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return file.getvalue()

    assert table(tmp_path, packed(**{"a.csv": ROWS, "__MACOSX/._a.csv": "x", "folder/": ""})).num_inputs == 5
    for content, says in (
        (packed(), "it must hold one file, but holds 0"),
        (packed(a=ROWS, b=ROWS), "it must hold one file, but holds 2 (a, b)"),
        (packed(**{"[Content_Types].xml": "", "sheet.xml": ""}), "this is an office document"),
        (packed(a=ROWS)[:-30], "this compressed file is damaged, or cut short"),
        (packed(a=ROWS).replace(b"12,u", b"12,v"), "this compressed file is damaged, or cut short"),
        (packed(a=""), "this file has no line of names"),
        (gzip.compress(ROWS.encode())[:-9], "this compressed file is damaged, or cut short"),
        (lzma.compress(ROWS.encode())[:-9], "this compressed file is damaged, or cut short"),
        (gzip.compress(b""), "this file has no line of names"),
        (b"\x28\xb5\x2f\xfd", "zstd is not read"),
    ):
        with pytest.raises(UserError) as error:
            table(tmp_path, content)
        assert says in str(error.value)


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("initlab.data.csv.file.LIMIT", 1000)
    assert table(tmp_path, ROWS).num_inputs == 5
    with pytest.raises(UserError, match="it holds more than 1,000 bytes of text"):
        table(tmp_path, gzip.compress((ROWS + "1,u,2\n" * 1000).encode()))


def test_names_are_found_in_the_first_bytes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they are cut: in a line end, a letter, a quoted cell."""
    text = 'é,"b,c",y\r\n1,"é\r\né",3\r\n2,x,5\r\n'.encode()
    for head in range(text.index(b"\n") + 1, len(text) + 1):
        monkeypatch.setattr("initlab.data.csv.file.HEAD", head)
        assert table(tmp_path, text, **ALL).input_names == ("é", "b,c_x", "b,c_é\né", "b,c_nan")


def test_the_log_has_one_line(tmp_path: Path, fit: Any, caplog: pytest.LogCaptureFixture) -> None:
    from initlab.models import LinearRegression

    data = table(tmp_path, ROWS)
    with caplog.at_level(logging.INFO, "initlab.data"):
        fit(LinearRegression(data.num_inputs), data)
    assert [record.message for record in caplog.records if record.name.startswith("initlab")] == [data.summary]
    assert data.summary.startswith("t.csv: rows 12 train, 4 val, 4 test; target y, in units of ")
    assert data.summary.endswith("; 5 inputs from a; b (u, v, w, missing)")
    one = table(tmp_path, "x,y\n" + "".join(f"{i},{i * i}\n" for i in range(20)))
    assert one.summary.endswith("; one input from x")
