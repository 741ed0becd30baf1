"""Fashion-MNIST as a package of Debian and Ubuntu, fetched without root and without installing anything."""

import shutil
import subprocess
from pathlib import Path

PACKAGE = "dataset-fashion-mnist"
INSTALLED = Path("/usr/share/datasets/fashion-mnist")  # where the package puts its files


def fetch_package(folder: Path) -> Path:
    """Fetch the package and unpack it in `folder`; returns where its four .gz files lie.

    apt keeps its lists and archives in `folder` too, so it needs no rights and leaves the system as it is.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise FileNotFoundError(f"this system has no {program}")
    for partial in ("state/lists/partial", "cache/archives/partial"):
        (folder / partial).mkdir(parents=True)
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": folder / "cache",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "root",  # for root: its private folders are closed to the user _apt
        "Acquire::Languages": "none",
        "Acquire::Retries": 0,
        "Acquire::http::Timeout": 10,  # seconds, for a network that swallows packets
        "Acquire::https::Timeout": 10,
    }
    apt_get = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    _run([*apt_get, "update"], folder, timeout=120)
    _run([*apt_get, "download", PACKAGE], folder, timeout=600)
    archive = next(folder.glob("*.deb"))
    _run(["dpkg-deb", "-x", archive.name, "unpacked"], folder, timeout=60)
    return folder / "unpacked" / INSTALLED.relative_to("/")


def _run(command: list[str], folder: Path, timeout: float) -> None:
    """Run in `folder`, quietly; RuntimeError with the last complaint. `timeout` in seconds."""
    done = subprocess.run(
        command, cwd=folder, timeout=timeout, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        complaint = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"{command[0]} ended with code {done.returncode}: {complaint}")
