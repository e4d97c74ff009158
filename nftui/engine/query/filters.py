"""A filter that is understood: what `parser` makes and the compilers take."""

from __future__ import annotations

from dataclasses import dataclass

from nftui.engine.query import tree
from nftui.engine.query.values import VALUES


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter.

    Attributes:
        text: as given.
        tree: its meaning.
    """

    text: str
    tree: tree.Node

    @property
    def fields(self) -> tuple[str, ...]:
        """Registry fields that it looks at, in order of appearance."""
        out: dict[str, None] = {}
        for leaf in tree.leaves(self.tree):
            if isinstance(leaf, tree.Numbers):
                out.update(dict.fromkeys(VALUES[leaf.value].fields))
            elif not isinstance(leaf, tree.Always):
                out[leaf.field] = None
                if isinstance(leaf, tree.Ordered):
                    out[leaf.other] = None
        return tuple(out)


EVERYTHING = Filter("", tree.Always(True))
"""What no filter means; the parser need not be loaded for it."""
