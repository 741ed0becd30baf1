"""Jobs of a sweep write into their own folders only."""

import pytest

from hydra_plugins.initlab_sweepers import _check_places
from initlab.errors import UserError


@pytest.mark.parametrize(
    ("callback", "key", "place"),
    [("best", "dirpath", "/tmp/shared"), ("best", "dirpath", "shared"), ("monitor", "folder", "/data/x")],
)
def test_a_place_that_jobs_would_share_is_refused(callback: str, key: str, place: str) -> None:
    config = {"callbacks": {callback: {"_target_": "x", key: place}}, "logger": {}}
    with pytest.raises(UserError, match=rf"callbacks.{callback}.{key}={place}: the jobs of a sweep would share it"):
        _check_places(config)
    config["callbacks"][callback][key] = "${run_dir}/checkpoints"
    _check_places(config | {"data": {"root": "/data"}})
