"""A word that a message shows, taken by bash, Hydra and OmegaConf in turn."""

import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from initlab.override import override

NAMES = [
    "Price", "Price ($)", "it's", 'a "b"', "`ls`", "a,b", "a=b", "été m²", "日本", "${x}", "\\${x}", "$HOME", "$(ls)",
    "a\\b", "a\\", "a\\'b", "a!b", "a!'b", "01", "1.5", "2020", "null", "True", "-", "#", "~a", "*", "[a]", "{a}",
    "a;b&c|d", "(x)", "50%", "a:b", "/a/b.csv", "x<y>", "1_000", "1e5",
]  # fmt: skip


def taken(word: str) -> object:
    typed = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, text=True, check=True).stdout
    value = OverridesParser.create().parse_override(typed).value()
    return OmegaConf.to_container(OmegaConf.create({"value": value}), resolve=True)["value"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_arrives(name: str) -> None:
    assert str(taken(override("data.target", name))) == name
    assert taken(override("data.drop", ["Id", name, "a b"])) == ["Id", int(name) if name == "2020" else name, "a b"]


@settings(max_examples=50)
@given(st.text(st.sampled_from("ab $\\'\"`!{}(),=[]"), min_size=1, max_size=6).map(lambda text: f"x{text}"))
def test_any_text_arrives(name: str) -> None:
    assert taken(override("data.target", name)) == name


def test_the_word_reads_well() -> None:
    assert override("data.target", "Price") == "data.target=Price"
    assert override("data.target", "Price ($)") == r'''"data.target='Price (\$)'"'''
    assert override("data.drop", ["Id", "a b"]) == '''"data.drop=[Id,'a b']"'''
