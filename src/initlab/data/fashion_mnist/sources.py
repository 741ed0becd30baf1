"""Where Fashion-MNIST comes from: four places, each asked once, in order of trouble. Needs numpy alone."""

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from initlab.data.fashion_mnist.debian_package import INSTALLED, PACKAGE, fetch_package
from initlab.data.fashion_mnist.files import FILES, Arrays, missing, read_folder
from initlab.data.fashion_mnist.idx import CorruptFileError
from initlab.data.fashion_mnist.publish import publish, staging
from initlab.errors import UserError

logger = logging.getLogger(__name__)

_TORCHVISION = "torchvision's download"
_APT = f"apt-get download {PACKAGE}"
_SOCKET_TIMEOUT = 10.0  # seconds; how long a network may stay silent


class UnavailableError(Exception):
    """This place cannot serve, for the reason in the message; ask the next."""


def load_fashion_mnist(root: str | Path = "data") -> Arrays:
    """Fashion-MNIST, every byte verified, from the first place that has it.

    1. `root` itself, or `root`/FashionMNIST/raw where torchvision keeps it; plain or .gz. A bad file here is
       an error, since the user put it there.
    2. The Debian package, installed or fetched earlier into the user's cache.
    3. torchvision's download, kept in `root`/FashionMNIST/raw.
    4. The Debian package, fetched by apt without root, kept in the user's cache.
    """
    root = Path(root).expanduser()
    places: list[tuple[str, Callable[[], Arrays]]] = [
        (f"data.root={root}", lambda: _in_root(root)),
        (f"package {PACKAGE}", _in_package),
        (_TORCHVISION, lambda: _fetch(_TORCHVISION, download_by_torchvision, _raw(root))),
        (_APT, lambda: _fetch(_APT, fetch_package, package_cache())),
    ]
    reasons = []
    for place, serve in places:
        try:
            arrays = serve()
        except UnavailableError as reason:
            reasons.append(f"{place}: {reason}")
        else:
            logger.info("Fashion-MNIST comes from %s", place)
            return arrays
    raise UserError(
        "Fashion-MNIST was found nowhere:\n  "
        + ";\n  ".join(reasons)
        + f";\nput {', '.join(FILES)} (plain or .gz) into data.root, or install the package {PACKAGE}, "
        "or connect to the network"
    )


def package_cache() -> Path:
    """Where the files of an unpacked package are kept for this user."""
    return _user_cache() / "fashion-mnist"


def unpacked_cache() -> Path:
    """Where decompressed files are kept for this user, each under its sha256."""
    return _user_cache() / "unpacked"


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "initlab"


def download_by_torchvision(folder: Path) -> Path:
    """Let torchvision download into `folder`; returns where its four .gz files lie."""
    from torchvision.datasets import FashionMNIST

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SOCKET_TIMEOUT)  # torchvision sets none and would wait for ever
    try:
        FashionMNIST(str(folder), download=True)
    finally:
        socket.setdefaulttimeout(before)
    return _raw(folder)


def _raw(root: Path) -> Path:
    return root / "FashionMNIST" / "raw"


def _in_root(root: Path) -> Arrays:
    try:
        return _read_first_complete(root, _raw(root))
    except CorruptFileError as error:
        raise UserError(
            f"{error}; delete it so that it is fetched again, or point data.root at another folder"
        ) from error


def _in_package() -> Arrays:
    reasons = []
    for folder in (INSTALLED, package_cache()):
        try:
            return _read_first_complete(folder)
        except UnavailableError as reason:
            reasons.append(str(reason))
        except CorruptFileError as error:
            logger.warning("%s; looking elsewhere", error)
            reasons.append(str(error))
    raise UnavailableError(", ".join(reasons))


def _read_first_complete(*folders: Path) -> Arrays:
    for folder in folders:
        if not missing(folder):
            return read_folder(folder, unpacked_cache())
    raise UnavailableError(", ".join(_what_is_missing(folder) for folder in folders))


def _what_is_missing(folder: Path) -> str:
    absent = missing(folder)
    return f"{folder} has none of the files" if absent == list(FILES) else f"{folder} lacks {', '.join(absent)}"


def _fetch(place: str, fetch: Callable[[Path], Path], target: Path) -> Arrays:
    """Fetch into a folder of our own, verify, publish in `target`: a failure leaves `target` as it was."""
    logger.info("Fashion-MNIST: trying %s (31 MB, kept in %s) ...", place, target)
    try:
        with staging(target.parent) as folder:
            fetched = fetch(folder)
            arrays = read_folder(fetched)
            publish((fetched / f"{name}.gz" for name in FILES), target)
    except Exception as error:  # whatever a network, a mirror, a disk or apt may do: the next place is asked
        raise UnavailableError(" ".join(str(error).split()) or type(error).__name__) from error
    return arrays
