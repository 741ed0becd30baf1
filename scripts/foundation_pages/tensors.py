"""What a tensor is

fast.ai, chapter 17: indexing with None, the storage behind a tensor, comparisons, numbers, shapes. Each line below is
run when the page is made, and what it gives is compared with what is written in the page.
"""

from __future__ import annotations

import doctest
from typing import Any

import torch

from foundation_pages.sheet import Sheet, WrongRungError

READING = """
A tensor is a run of numbers in memory, a shape, and a stride for each axis, which says how many numbers to go on for
its next entry. Indexing with None, transposing and expanding write a new shape and new strides over the same numbers;
`contiguous()`, and `reshape` where it must, lay the numbers out anew.
"""
FACTS = """
unsqueeze is indexing with None
>>> c = torch.tensor([10, 20, 30])
>>> c.unsqueeze(0).equal(c[None]), c[None].shape
(True, torch.Size([1, 3]))
>>> c.unsqueeze(1).equal(c[:, None]), c[:, None].shape
(True, torch.Size([3, 1]))
>>> c.unsqueeze(-1).equal(c[..., None])
True

a tensor is a shape and strides over a storage that is one run of numbers
>>> t = torch.arange(6, dtype=torch.float32).reshape(2, 3)
>>> t.stride(), t.is_contiguous(), t.untyped_storage().nbytes()
((3, 1), True, 24)
>>> t[1].storage_offset(), t[1].untyped_storage().nbytes()
(3, 24)

the transpose lies over the same numbers, in the same order
>>> t.T.shape, t.T.stride(), t.T.is_contiguous()
(torch.Size([3, 2]), (1, 3), False)
>>> t.T.data_ptr() == t.data_ptr()
True
>>> t.T.as_strided((6,), (1,)).tolist()
[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]

contiguous lays it out anew
>>> t.T.contiguous().stride(), t.T.contiguous().data_ptr() == t.data_ptr()
((2, 1), False)
>>> t.T.contiguous().as_strided((6,), (1,)).tolist()
[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]

view never copies, and refuses where it would have to; reshape copies
>>> t.view(6).data_ptr() == t.data_ptr()
True
>>> t.T.view(6)
Traceback (most recent call last):
RuntimeError: of strides that do not fit
>>> t.T.reshape(6).data_ptr() == t.data_ptr()
False

what is written through a view is written to the tensor
>>> row = t[0]
>>> row[0] = 7
>>> t[0, 0].item()
7.0

a comparison gives a tensor of truths; all() says whether it holds everywhere
>>> a, b = torch.tensor([5.0, 6.0, 9.0]), torch.tensor([4.0, 6.0, 2.0])
>>> a > b
tensor([ True, False,  True])
>>> (a > b).all(), (a >= b).all()
(tensor(False), tensor(True))

a reduction gives a tensor of rank 0; item() makes it a Python number
>>> (a > b).all().shape, a.mean().ndim
(torch.Size([]), 0)
>>> a.sum().item(), type(a.sum().item()).__name__
(20.0, 'float')
>>> (a >= b).all().item()
True
>>> a.item()
Traceback (most recent call last):
RuntimeError: three numbers are not one

shapes are compared from the last axis; equal or 1 fits, anything else is an error
>>> (torch.ones(3, 1) + torch.ones(4)).shape
torch.Size([3, 4])
>>> (torch.ones(64, 3, 8, 8) - torch.ones(3, 1, 1)).shape
torch.Size([64, 3, 8, 8])
>>> torch.ones(3, 3) * torch.ones(2, 3)
Traceback (most recent call last):
RuntimeError: 3 and 2 do not fit
>>> torch.ones(256, 256, 3) * torch.ones(256, 256)
Traceback (most recent call last):
RuntimeError: 3 and 256 do not fit
"""


class Runner(doctest.DocTestRunner):
    """Notes what each example gave; the first that is not as written is an error. Of an exception the kind counts: its
    words are torch's and change."""

    def __init__(self) -> None:
        super().__init__(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
        self.gave: list[str] = []

    def report_start(self, out: Any, test: Any, example: Any) -> None:
        pass

    def report_success(self, out: Any, test: Any, example: Any, got: str) -> None:
        lines = got.strip().splitlines() or [""]
        self.gave.append(lines[-1] if example.exc_msg else " ".join(line.strip() for line in lines))

    def report_failure(self, out: Any, test: Any, example: Any, got: str) -> None:
        raise WrongRungError(f"{example.source.strip()}: gave {got.strip()}, not {example.want.strip()}")

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        raise WrongRungError(f"{example.source.strip()}: {exc_info[1]}") from exc_info[1]


def page(sheet: Sheet) -> None:
    names: dict[str, Any] = {"torch": torch}
    rows = []
    for paragraph in FACTS.strip().split("\n\n"):
        fact, _, code = paragraph.partition("\n")
        examples = doctest.DocTestParser().get_examples(code)
        if len(examples) != code.count(">>> "):
            raise WrongRungError(f"{fact}: {len(examples)} lines were read of {code.count('>>> ')}")
        rows.append([f"**{fact}**", ""])
        test = doctest.DocTest(examples, names, fact, None, None, None)
        test.globs = names  # it made a copy; what one fact names is there for the next
        runner = Runner()
        runner.run(test, out=lambda _: None, clear_globs=False)
        sheet.check(fact, len(runner.gave) == len(examples))
        for example, gave in zip(examples, runner.gave, strict=True):
            rows.append([f"`{example.source.strip()}`", f"`{gave}`" if gave else ""])
    sheet.table("Each fact, what is typed, what comes", ["typed<", "gives<"], rows)
    sheet.figures["facts"] = len(sheet.checks)
