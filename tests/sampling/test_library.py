"""Named rules: versions, rules made of rules, circles, and who uses what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake.actions import redo, undo
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace
from curation.recipe.builds import build, pin
from curation.recipe.drafts import save_draft
from curation.recipe.model import Recipe
from curation.sampling.rules.library import (
    difference,
    duplicate_rule,
    get_rule,
    list_rules,
    resolve_rule,
    rule_versions,
    rules_within,
    save_rule,
    written_out,
)
from curation.sampling.rules.rule import Rule
from curation.sampling.rules.rule_users import users_of
from curation.steps import Sample

TABLE = pa.table(
    {
        "id": [f"k{n:02}" for n in range(40)],
        "text": [f"message number {n}" for n in range(40)],
        "label": ["card" if n % 3 else "cash" for n in range(40)],
    }
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace for all tests here: each gives its rules names of its own."""
    with Workspace.open(tmp_path_factory.mktemp("library") / "workspace") as opened:
        import_table(opened, TABLE, "d", roles={"id": "key", "label": "label"}, author="me")
        yield opened


def save(workspace: Workspace, name: str, rule: Rule, **more: int) -> int:
    return save_rule(workspace, name, rule, author="ann", message="m", **more)


def union(*parts: str | Rule) -> Rule:
    return Rule(combine="union", parts=parts)


def test_a_rule_keeps_all_its_versions(shared: Workspace) -> None:
    first = Rule(n=5, per=("label",), seed=3)
    second = Rule(quota={"card": 2, "cash": 0}, per=("label",), where="id > 'a'")
    assert save(shared, "kept", first) == 1
    assert save(shared, "kept", second, after=1) == 2
    assert get_rule(shared, "kept") == (second, 2)
    assert get_rule(shared, "kept", 1) == (first, 1)
    assert list_rules(shared)["kept"] == 2
    told = [(v.version, v.rule, v.author, v.message) for v in rule_versions(shared, "kept")]
    assert told == [(1, first, "ann", "m"), (2, second, "ann", "m")]
    with pytest.raises(UsageError, match="changed by somebody else"):
        save(shared, "kept", first, after=1)


def test_a_rule_that_is_not_there_is_told_the_nearest(shared: Workspace) -> None:
    save(shared, "monthly", Rule(n=1))
    for ask in (lambda: get_rule(shared, "monthli"), lambda: rule_versions(shared, "monthli")):
        with pytest.raises(UnknownNameError, match="Did you mean 'monthly'"):
            ask()
    with pytest.raises(UnknownNameError, match="Did you mean 'monthly'"):
        get_rule(shared, "monthli", 3)
    with pytest.raises(UsageError, match=r"'monthly' has no version 9. There are versions 1 to 1"):
        resolve_rule(shared, "monthly@9")
    with pytest.raises(UsageError, match="names no rule"):
        resolve_rule(shared, "monthly@0")


@pytest.mark.parametrize("name", ["", " ", "a@b", "a\nb", "x" * 101])
def test_a_name_that_a_recipe_could_not_say_is_refused(shared: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a rule's name"):
        save(shared, name, Rule(n=1))


def test_rules_within_rules_are_written_out_with_their_versions(shared: Workspace) -> None:
    save(shared, "new", Rule(n=1, seed=4))
    save(shared, "old", Rule(n=2))
    save(shared, "old", Rule(n=3))
    save(shared, "both", union("new", "old@1"))
    save(shared, "more", Rule(combine="except", parts=("both", union("old", Rule(n=9)))))
    found = resolve_rule(shared, "more")
    assert found.name == "more@1"
    both, inner = found.parts
    assert isinstance(both, Rule)
    assert isinstance(inner, Rule)
    assert (both.name, inner.name) == ("both@1", None)
    assert both.parts == (Rule(n=1, seed=4, name="new@1"), Rule(n=2, name="old@1"))
    assert inner.parts == (Rule(n=3, name="old@2"), Rule(n=9))
    assert written_out(shared, found) == found
    # Versions that are asked for count where a name stands alone, and not where one is pinned.
    older = resolve_rule(shared, "more", {"old": 1, "new": 1})
    assert [part.name for part in older.parts[1].parts if isinstance(part, Rule)] == ["old@1", None]  # type: ignore[union-attr]
    assert rules_within(shared, ["more"]) == {"more": 1, "both": 1, "new": 1, "old": 2}
    assert rules_within(shared, ["old@1", "more"])["old"] == 2
    assert rules_within(shared, [found]) == {"more": 1, "both": 1, "new": 1, "old": 2}


def test_a_rule_made_of_what_is_not_there_is_not_kept(shared: Workspace) -> None:
    save(shared, "there", Rule(n=1))
    for part, said in (
        ("thera", "Did you mean 'there'"),
        ("there@2", "has no version 2"),
        (union("there", "nowhere"), "no rule 'nowhere'"),
    ):
        with pytest.raises(UsageError, match=said):
            save(shared, "of what is not there", union("there", part))
    assert "of what is not there" not in list_rules(shared)


def test_a_circle_is_refused_with_its_path(shared: Workspace) -> None:
    save(shared, "a", Rule(n=1))
    save(shared, "b", union("a", Rule(n=2)))
    save(shared, "c", union("b@1", Rule(n=3)))
    with pytest.raises(UsageError, match=r"made of itself: a -> a\."):
        save(shared, "a", union("a", Rule(n=1)))
    with pytest.raises(UsageError, match=r"made of itself: a -> c -> b -> a\."):
        save(shared, "a", union(Rule(n=1), "c"))
    with pytest.raises(UsageError, match="made of itself"):
        save(shared, "a", union(Rule(n=1), union(Rule(n=4), "c@1")))
    assert list_rules(shared)["a"] == 1
    # A version is not a circle: the one before cannot change any more.
    assert save(shared, "a", Rule(combine="except", parts=("a@1", Rule(n=1)))) == 2
    assert len(resolve_rule(shared, "a").parts) == 2


def test_a_circle_that_an_undo_makes_is_told_where_the_rule_is_used(shared: Workspace) -> None:
    save(shared, "x", Rule(n=1))
    save(shared, "y", union("x", Rule(n=2)))
    save(shared, "y", Rule(n=2))
    save_rule(shared, "x", union("y", Rule(n=3)), author="bob", message="m")
    undo(shared, "d", "ann", kinds=("rule",))
    with pytest.raises(UsageError, match=r"made of itself: x -> y -> x\."):
        resolve_rule(shared, "x")
    redo(shared, "d", "ann", kinds=("rule",))
    assert len(resolve_rule(shared, "x").parts) == 2


def test_rules_that_nobody_could_read_are_refused(shared: Workspace) -> None:
    save(shared, "level 0", Rule(n=1))
    for level in range(1, 9):
        save(shared, f"level {level}", union(f"level {level - 1}", Rule(n=2)))
    with pytest.raises(UsageError, match="more than 8 deep"):
        save(shared, "level 9", union("level 8", Rule(n=2)))
    save(shared, "wide 1", union(*["level 0"] * 15))
    with pytest.raises(UsageError, match="more than 100 others"):
        save(shared, "wide 2", union(*["wide 1"] * 15))


def test_a_rule_that_was_taken_back_is_told_where_it_is_used(workspace: Workspace) -> None:
    import_table(workspace, TABLE, "d", roles={"id": "key", "label": "label"}, author="me")
    save_rule(workspace, "gone", Rule(n=1), author="bob", message="m")
    save(workspace, "uses it", union("gone", Rule(n=2)))
    undo(workspace, "d", "bob")
    with pytest.raises(UsageError, match=r"The rule 'uses it@1' uses 'gone'\..*was taken back"):
        resolve_rule(workspace, "uses it")
    assert get_rule(workspace, "gone", 1)[0] == Rule(n=1)
    redo(workspace, "d", "bob")
    assert resolve_rule(workspace, "uses it").parts[0] == Rule(n=1, name="gone@1")


def test_a_copy_says_the_same_and_needs_a_free_name(shared: Workspace) -> None:
    save(shared, "original", Rule(n=1))
    save(shared, "original", Rule(n=2))
    assert duplicate_rule(shared, "original", "copy", author="bob") == 1
    duplicate_rule(shared, "original", "first copy", author="bob", version=1)
    assert [get_rule(shared, name)[0].n for name in ("copy", "first copy")] == [2, 1]
    assert rule_versions(shared, "first copy")[0].message == "Copy of original@1"
    with pytest.raises(UsageError, match="There is a rule 'copy' already"):
        duplicate_rule(shared, "original", "copy", author="bob")


def test_who_uses_a_rule(workspace: Workspace, tmp_path: Path) -> None:
    import_table(workspace, TABLE, "d", roles={"id": "key", "label": "label"}, author="me")
    import_table(workspace, TABLE, "e", roles={"id": "key", "label": "label"}, author="me")
    save(workspace, "base", Rule(n=5))
    save(workspace, "base 2", Rule(n=5))
    save(workspace, "wide", union("base@1", "base 2"))
    inline = Sample(combine="union", parts=("wide", "base"), id="s")
    save_draft(workspace, "d", Recipe(steps=(Sample(rule="base"), inline)), "ann")
    save_draft(workspace, "e", Recipe(steps=(Sample(rule="base@1"), Sample(n=5, id="t"))), "ann")
    build(workspace, pin(workspace, "e"), "built", author="ann")
    said = [user.describe() for user in users_of(workspace, "base")]
    assert said == [
        "recipe of d", "recipe of d", "recipe of e, always version 1",
        "rule wide, always version 1", "build of built, always version 1",
    ]  # fmt: skip
    assert [user.describe() for user in users_of(workspace, "wide")] == ["recipe of d"]
    assert users_of(workspace, "nobody's") == []


def test_two_versions_differ_in_words() -> None:
    before = Rule(n=1_000, per=("a", "b"), fill=True)
    after = Rule(quota={"x": 2}, per=("a",), seed=7, keep="a = 'z'")
    assert difference(before, after) == [
        "per: a, b -> a", "n: 1,000 -> not set", "quota: not set -> x 2", "fill: yes -> no",
        "keep: not set -> a = 'z'", "seed: 0 -> 7",
    ]  # fmt: skip
    assert difference(before, before) == []
    parts = difference(union("a", Rule(n=1)), union("a@1", Rule(n=2)))
    assert parts == ["parts: a, 1 rows -> a@1, 2 rows"]
