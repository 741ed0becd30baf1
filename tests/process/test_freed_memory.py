"""The memory of a step is there for the next."""

import platform
import subprocess
import sys

import pytest

CHILD = """
import ctypes, resource, torch
from initlab.process.freed_memory import keep_freed_memory

def page_faults_a_step():
    counts = []
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        kept = [torch.ones(7 * 2**20) for _ in range(3)]  # 28 MB each
        del kept
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(counts)  # a busy system takes pages away in between, of some steps

ctypes.CDLL(None).mallopt(-3, 128 * 1024)  # M_MMAP_THRESHOLD: larger blocks go back to the system as they are freed
print(page_faults_a_step())
keep_freed_memory()
page_faults_a_step()
print(page_faults_a_step())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")
def test_freed_memory_is_not_asked_for_again() -> None:
    """Whether glibc gives blocks back by itself hangs on what else lies on the heap; here it is told to at first."""
    child = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    before, after = map(int, child.stdout.split())
    assert before >= 3 * 14  # each block anew, be it in pages of 2 MB
    assert after == 0
