"""Rules as YAML: what is written reads back, and every mistake is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UsageError
from curation.sampling.rules.rule import Rule
from curation.sampling.rules.rule_yaml import parse_rule, render_rule

TEXT = st.one_of(
    st.sampled_from(["yes", "null", "~", "1", "0x1F", "1e3", "2024-01-01", "a: b", "- x", "?", "#", " x ", "é\n\x85"]),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8),
)  # fmt: skip
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
AMOUNTS = st.one_of(
    st.builds(dict, n=st.integers(1, 10**10)),
    st.builds(dict, fraction=st.floats(0, 1, exclude_min=True)),
    st.builds(dict, rows=st.integers(1, 10**10)),
    st.builds(dict, minutes=st.floats(0.1, 10**6), seconds_per_row=st.floats(0.1, 10**3)),
    st.builds(dict, quota=st.dictionaries(TEXT, st.integers(0, 10**6), min_size=1, max_size=3), per=TEXTS.map(lambda t: (*t, "c"))),
)  # fmt: skip
PLAIN = st.builds(
    lambda amount, **more: Rule(**{**more, **amount}),
    AMOUNTS, classes=TEXTS, keep_keys=TEXTS, seed=st.integers(0, 2**32 - 1),
    where=st.sampled_from([None, "a = 'b'", "n > 1\nAND n < 5"]),
)  # fmt: skip
RULES = st.recursive(
    PLAIN,
    lambda inner: st.builds(
        lambda parts, rows: Rule(combine="union", parts=parts, rows=rows),
        st.lists(st.one_of(inner, st.sampled_from(["weekly", "weekly@2", "1", "null"])), min_size=2, max_size=3).map(tuple),
        st.one_of(st.none(), st.integers(1, 100)),
    ),
    max_leaves=4,
)  # fmt: skip


@given(RULES)
def test_what_is_written_reads_back(rule: Rule) -> None:
    assert parse_rule(render_rule(rule)) == rule


def test_a_rule_reads_as_a_person_would_write_it() -> None:
    text = """
    # everything new, and a few of the old
    combine: union
    rows: 1000
    parts:
    - weekly@2
    - n: 20
      per: [channel]
      classes: [1, yes, 2024-01-01]
      per_cluster: false
    """
    assert parse_rule(text) == Rule(
        combine="union",
        rows=1000,
        parts=("weekly@2", Rule(n=20, per=("channel",), classes=("1", "yes", "2024-01-01"))),
    )


def test_a_rule_in_yaml_says_first_what_it_draws() -> None:
    shown = render_rule(Rule(n=10, per=("intent",), seed=3))
    assert shown.splitlines() == [
        "# 10 rows per intent", "# Keep it: curation rules save NAME FILE",
        "per:", "- intent", "n: 10", "seed: 3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a mapping of field to value, for example n: 100. Got nothing"),
        ("- n: 1", "a mapping of field to value"),
        ("n: [1", "not valid YAML (line 1)"),
        ("nn: 1", "there is no 'nn'. Did you mean 'n'?"),
        ("n: 0", "'n': Input should be greater than or equal to 1. Got: '0'"),
        ("n: -5", "greater than or equal to 1"),
        ("n: many", "'n': Input should be a valid integer"),
        ("n: 10\nn: 20", "line 2: a key is a text and stands there once"),
        ("fraction: 1.5", "less than or equal to 1. Got: '1.5'"),
        ("n: 1\nfraction: 0.5", "give one amount"),
        ("per: [a]", "got none"),
        ("n: 1\nby: uniformly", "'by' cannot be 'uniformly'. Did you mean 'uniform'?"),
        ("n: 1\nper: intent", "'per': Input should be a list"),
        ("n: 1\nwhere: n >", "The rule: The expression cannot be read"),
        ("n: 1\nhalf_life: 0\nby: recency", "'half_life': Input should be greater than 0"),
        ("quota: {a: x}\nper: [c]", "'quota.a': Input should be a valid integer"),
        ("quota: {a: -1}\nper: [c]", "'quota.a': Input should be greater than or equal to 0"),
        ("combine: union\nparts: [a, {nn: 1}]", "The rule: part 2: there is no 'nn'. Did you"),
        ("combine: union\nparts: [a, 'b@x']", "part 2: 'b@x' names no rule"),
        ("combine: union\nparts: [a, {n: 0}]", "part 2: 'n': Input should be greater"),
        ("combine: union\nparts: [a, [b]]", "part 2: it is a mapping"),
        ("combine: union\nparts: [a]", "needs two rules or more"),
        ("combine: unions\nparts: [a, b]", "Did you mean 'union'"),
        ("parts: a", "parts is a list of rules. Got 'a'"),
        ("a: &x [1]\nb: *x", "uses a YAML alias"),
        ("a: " + "[" * 40 + "]" * 40, "nested more than"),
        ("n: 1 #" + "x" * 1_000_000, "at most 1,000,000"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_rule(text)
    assert said in str(told.value)
    assert len(str(told.value)) < 900
