"""Every mutant of a module: its source with one place changed, by one of mutmut's operators."""

from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

LEFT_OUT = (
    (m.Annotation(), "types are mypy's, and are never evaluated"),
    (m.AnnAssign(annotation=m.Annotation(m.Name("TypeAlias"))), "a type"),
    (m.Assign(value=m.Call(m.Name("TypeVar"))), "a type"),
    (m.Call(m.Name("cast")), "a type; at run time its second argument alone"),
    (m.Subscript(m.Name("Literal") | m.Name("NDArray")), "a type"),
    (m.Decorator(), "mutmut's operators mean nothing here: the keywords of `dataclass`"),
    (m.Import() | m.ImportFrom(), "what is not there fails at once"),
    (m.Assert(), "what mypy can't know; it never fails"),
    (m.SimpleStatementLine([m.Assign([m.AssignTarget(m.Name("__all__"))])]), "what `import *` takes"),
    (m.SimpleStatementLine([m.Expr(m.SimpleString())]), "a docstring"),
)
"""Places that are not changed, and why."""

ASSERTED = m.Call(func=m.Name("zip"), args=[m.ZeroOrMore(), m.Arg(keyword=m.Name("strict"))])
"""A call whose last argument is an assertion too: the lengths differ by a mistake of ours alone."""


@dataclass(frozen=True)
class Mutant:
    """One changed place.

    Attributes:
        function: the innermost class or function that it is in, with those around it; empty: none.
        change: the changed lines, before and after.
        source: all of the changed module.
        code: name, first and last line of the outermost function in whose body the place is; ``None``: it is run by the
            import of the module.
    """

    module: str
    function: str
    line: int
    change: str
    source: str
    code: tuple[str, int, int] | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it in the list of the equivalent ones."""
        return self.module, self.function, self.change


def mutants_of(module: str, path: Path) -> list[Mutant]:
    """All mutants of a module, each source once, in the order of the places."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    original, places = wrapper.module, _Places()
    wrapper.visit(places)
    position = wrapper.resolve(PositionProvider).__getitem__
    parts = [original.code_for_node(statement) for statement in original.body]
    found = {}
    for node, changed, around in places.found:
        index = original.body.index(around[1])
        part = original.code_for_node(around[1].visit(_Replacement(node, changed)))
        source = original.code.replace(parts[index], part, 1)
        mutant = Mutant(
            module=module,
            function=".".join(part.name.value for part in around if isinstance(part, (cst.ClassDef, cst.FunctionDef))),
            line=position(node).start.line,
            change=_change(parts[index].splitlines(), part.splitlines()),
            source=source,
            code=_code(around, position),
        )
        found.setdefault(source, mutant)
    found.pop(original.code, None)
    return list(found.values())


def _code(around, position):
    for function, inner in zip(around, around[1:], strict=False):
        if isinstance(function, cst.FunctionDef) and inner is function.body:
            first = (function.decorators or [function])[0]
            return function.name.value, position(first).start.line, position(function).end.line
    return None


def _change(before, after):
    """The lines that differ, from the first to the last."""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    old, new = (" ".join(line.strip() for line in lines) for lines in (before, after))
    return f"{old} -> {new}"


class _Places(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self):
        super().__init__()
        self.found = []
        self._around = []

    def on_visit(self, node):
        if any(m.matches(node, pattern) for pattern, _ in LEFT_OUT) or _is_asserted(node, self._around):
            return False
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                changes = (changed for changed in operator(node) if not _only_asserts(node, changed))
                self.found += [(node, changed, (*self._around, node)) for changed in changes]
        self._around.append(node)
        return True

    def on_leave(self, node):
        if self._around and self._around[-1] is node:  # what is left out was never put there
            self._around.pop()


def _is_asserted(node, around):
    return isinstance(node, cst.Arg) and m.matches(around[-1], ASSERTED) and node is around[-1].args[-1]


def _only_asserts(node, changed):
    """Whether a change leaves all but what is asserted as it was."""
    return m.matches(node, ASSERTED) and list(changed.args[: len(node.args) - 1]) == list(node.args[:-1])


class _Replacement(cst.CSTTransformer):
    def __init__(self, old, new):
        super().__init__()
        self._old, self._new = old, new

    def on_visit(self, node):
        return node is not self._old

    def on_leave(self, original_node, updated_node):
        return self._new if original_node is self._old else updated_node
