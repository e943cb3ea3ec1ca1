"""Formulas as they are written: which terms they name, and which of them a model can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from formulae.categorical import ENCODINGS
from formulae.expr import Binary, Grouping, Unary
from formulae.parser import Parser
from formulae.resolver import Resolver
from formulae.scanner import Scanner
from formulae.terms.call import Call
from formulae.terms.call_resolver import CallResolver, LazyCall, LazyVariable
from formulae.terms.terms import GroupSpecificTerm, Intercept, Term
from formulae.terms.variable import Variable
from formulae.transforms import TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = "'score ~ year + (1 | language)'"

# B takes its meaning from the rows at hand, so that a prediction may turn it round; proportions
# are responses.
FUNCTIONS = (set(TRANSFORMS) | {"mo"}) - {"B", "binary", "p", "prop", "proportion"}
# Functions that are terms of their own.
SPECIAL = ("mo", "offset")

# NumPy functions other than ufuncs that give each row a value of its own.
ROW_BY_ROW = {"around", "clip", "digitize", "fix", "interp", "isin", "nan_to_num", "round", "where"}


@dataclass(frozen=True, eq=False)
class Formula:
    """The right-hand side of a formula.

    Attributes
    ----------
    text : str
        The formula as it was given.
    terms : list of formulae terms
        Common terms in the order written, ``mo(x)`` among them, without the intercept.
    offsets : list of formulae calls
        The terms ``offset(x)``.
    group_terms : list of formulae group-specific terms
        Group-level intercepts and slopes.
    """

    text: str
    terms: list[Any]
    offsets: list[Any]
    group_terms: list[Any]

    @property
    def names(self) -> set[str]:
        """Columns that the formula needs."""
        terms = [*self.terms, *self.group_terms]
        parts = [part for term in terms for part in _components(term)] + self.offsets
        return {name for part in parts for name in variables(part)}


def read_formula(formula: str) -> Formula:
    """Read the formula of the score.

    Parameters
    ----------
    formula : str
        Wilkinson notation with the response ``score``.

    Returns
    -------
    Formula

    Raises
    ------
    ValueError
        If it cannot be read, or asks for something that a model cannot have.

    Examples
    --------
    >>> sorted(read_formula("score ~ year + offset(np.log(x)) + (1 | language)").names)
    ['language', 'x', 'year']
    """
    left, right = _sides(formula, "formula", EXAMPLE)
    if left != "score":
        found = f"the response {left!r}" if left else "no response"
        raise ValueError(
            f"the response of a formula is the column 'score'; found {found} in {formula!r}. "
            f"Write it like {EXAMPLE}, and rename your column to 'score'."
        )
    return _read(formula, right)


def read_one_sided(formula: str, argument: str) -> Formula:
    """Read a formula without a response: common terms only, no offset and no mo().

    Parameters
    ----------
    formula : str
        Such as ``~ year``.
    argument : str
        Name of the argument that it is, for messages.

    Returns
    -------
    Formula

    Raises
    ------
    ValueError
        If it cannot be read, or has terms that only the formula of the score can have.

    Examples
    --------
    >>> [term.name for term in read_one_sided("~ year * mode", "scale").terms]
    ['year', 'mode', 'year:mode']
    """
    left, right = _sides(formula, argument, "'~ year'")
    if left:
        raise ValueError(
            f"{argument} is a formula without a response; found {left!r} before the ~ of "
            f"{formula!r}. Write it like '~{right}'."
        )
    found = _read(formula, right)
    _refuse_terms_of_the_score(found, argument)
    return found


def is_monotonic(term: Any) -> bool:
    """Tell whether a term is mo(x)."""
    return _called(term) == "mo"


def component_names(term: Any) -> frozenset[str]:
    """Return what a common term is made of: x:z and z:x are the same term."""
    return frozenset(component.name for component in term.components)


def variables(component: Any) -> set[str]:
    """Return the columns that a component of a term needs."""
    if isinstance(component, Variable):
        return {component.name}
    found = {part.name for part in walk(component.call) if isinstance(part, LazyVariable)}
    return found - set(ENCODINGS)


def walk(lazy: Any) -> Iterator[Any]:
    """Go through a call and everything inside it."""
    yield lazy
    for part in [*getattr(lazy, "args", ()), *getattr(lazy, "kwargs", {}).values()]:
        yield from walk(part)


def _sides(formula: str, argument: str, example: str) -> tuple[str, str]:
    if not isinstance(formula, str):
        raise TypeError(f"{argument} must be text; found {formula!r}. Write it like {example}.")
    left, tilde, right = formula.partition("~")
    if tilde and right.strip() and "~" not in right:
        return left.strip(), right
    if not tilde and argument == "formula":
        return "", formula
    raise ValueError(
        f"cannot read the {'' if argument == 'formula' else 'formula of '}{argument} {formula!r}: "
        f"a formula has one ~ and terms behind it. Write it like {example}."
    )


def _read(formula: str, right: str) -> Formula:
    model = _resolved(formula, right)
    if Intercept() not in model.common_terms:
        raise ValueError(
            f"the cutpoints take the place of an intercept, so it cannot be removed; found "
            f"{formula!r}. Leave out '0 +' or '- 1'."
        )
    common = [term for term in model.common_terms if isinstance(term, Term)]
    for term in common:
        _check_term(term, formula)
    for term in model.group_terms:
        _check_group_term(term, formula)
    return Formula(
        text=formula,
        terms=[term for term in common if _called(term) != "offset"],
        offsets=[term.components[0] for term in common if _called(term) == "offset"],
        group_terms=list(model.group_terms),
    )


class _Call(LazyCall):  # type: ignore[misc]  # formulae has no types
    """A call that can be compared with what is no call, as in scale(np.log(x)) + scale(x)."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyCall) and bool(super().__eq__(other))

    def __hash__(self) -> int:
        return hash(str(self))


class _CallResolver(CallResolver):  # type: ignore[misc]  # formulae has no types
    def visitCallExpr(self, expr: Any) -> _Call:  # noqa: N802  (formulae's name)
        found = super().visitCallExpr(expr)
        return _Call(found.callee, found.args, found.kwargs)


class _Resolver(Resolver):  # type: ignore[misc]  # formulae has no types
    def visitCallExpr(self, expr: Any) -> Any:  # noqa: N802  (formulae's name)
        return Term(Call(_CallResolver(expr).resolve()))


def _resolved(formula: str, right: str) -> Any:
    try:
        parser = Parser(Scanner(f"score ~ {right}").scan())
        tree = parser.parse()
        model = _Resolver(tree).resolve()
    except Exception as error:
        raise ValueError(
            f"cannot read the formula {formula!r}: {error}. Write it like {EXAMPLE}, with "
            "`backticks` round names that hold spaces or begin with a sign."
        ) from error
    if not parser.at_end():
        raise ValueError(
            f"cannot read the formula {formula!r} from {parser.peek().lexeme!r} on. Join terms "
            f"with +, and put group-level terms in brackets, like {EXAMPLE}."
        )
    _refuse_powers(tree, formula)
    return model


def _refuse_powers(tree: Any, formula: str) -> None:
    """Refuse x ** 2, which formulae reads as x."""
    if isinstance(tree, Binary):
        if tree.operator.kind == "STAR_STAR" and not isinstance(tree.left, Grouping):
            raise ValueError(
                f"** joins terms, as in (x + z)**2, and is no power of one term; found it in "
                f"{formula!r}. Write I(x**2) for the square of x."
            )
        _refuse_powers(tree.left, formula)
        _refuse_powers(tree.right, formula)
    elif isinstance(tree, Grouping):
        _refuse_powers(tree.expression, formula)
    elif isinstance(tree, Unary):
        _refuse_powers(tree.right, formula)


def _components(term: Any) -> list[Any]:
    if isinstance(term, GroupSpecificTerm):
        return [*_components(term.expr), *term.factor.components]
    return [] if isinstance(term, Intercept) else list(term.components)


def _called(term: Any) -> str | None:
    """Return the function that a term of one component calls."""
    components = _components(term)
    alone = len(components) == 1 and isinstance(components[0], Call)
    return components[0].call.callee if alone else None


def _check_term(term: Any, formula: str) -> None:
    for component in term.components:
        if isinstance(component, Variable):
            _check_variable(component, formula)
        else:
            _check_call(component.call, formula)
    special = [c.call.callee for c in term.components if _is_special(c)]
    if special and len(term.components) > 1:
        raise ValueError(
            f"{special[0]}() cannot be part of an interaction; found {term.name!r} in {formula!r}. "
            f"{'Use x itself in it' if special[0] == 'mo' else 'Add it as a term of its own'}."
        )


def _is_special(component: Any) -> bool:
    return isinstance(component, Call) and component.call.callee in SPECIAL


def _check_variable(variable: Any, formula: str) -> None:
    if not isinstance(variable.name, str):
        raise ValueError(
            f"a term is a column or a function of columns; found the number {variable.name} in "
            f"{formula!r}. Leave it out."
        )
    if variable.reference is not None:
        name, level = variable.name, variable.reference
        raise ValueError(
            f"{name}[{level}] picks a level of a response, and {name!r} is a predictor in "
            f"{formula!r}. Write T({name}, ref={level!r}) to compare with {level!r}."
        )


def _check_call(call: Any, formula: str) -> None:
    inside = [part for part in walk(call) if isinstance(part, LazyCall)]
    for part in inside:
        if part.callee in SPECIAL and part is not call:
            raise ValueError(
                f"{part.callee}() must be a term of its own; found it inside {str(call)!r} in "
                f"{formula!r}."
            )
        _check_function(part.callee, formula)
    if call.callee in SPECIAL and (len(call.args) != 1 or call.kwargs):
        raise ValueError(f"{call.callee}() takes one column; found {str(call)!r} in {formula!r}.")
    if call.callee == "mo" and not isinstance(call.args[0], LazyVariable):
        raise ValueError(
            f"mo() takes a column, not a function of one; found {str(call)!r} in {formula!r}. Add "
            "the result to the table as a column."
        )


def _check_function(name: str, formula: str) -> None:
    if name in FUNCTIONS or (name.startswith("np.") and _is_row_by_row(name[3:])):
        return
    if name.startswith("np.") and hasattr(np, name[3:]):
        raise ValueError(
            f"{name} does not take each row by itself, so its result depends on the rows at hand; "
            f"found it in {formula!r}. center(x), scale(x), poly(x, 2) and splines remember what "
            "they saw; or add the result to the table as a column."
        )
    raise ValueError(f"no function {name!r} in formulas; found it in {formula!r}. {_advice(name)}")


def _is_row_by_row(name: str) -> bool:
    return name in ROW_BY_ROW or isinstance(getattr(np, name, None), np.ufunc)


def _advice(name: str) -> str:
    last = name.rpartition(".")[2]
    if _is_row_by_row(last):
        return f"Write np.{last}(x)."
    if name in ("B", "binary"):
        return "Write I(x == 'yes')."
    known = ", ".join(sorted(FUNCTIONS))
    return f"Known: {known}, and NumPy's as np.log(x)."


def _check_group_term(term: Any, formula: str) -> None:
    if not isinstance(term.expr, Intercept):
        _check_term(term.expr, formula)
        if _called(term.expr) in SPECIAL:
            raise ValueError(
                f"{_called(term.expr)}() cannot vary by group; found {term.name!r} in "
                f"{formula!r}. Write (x | group) with x as a number or a category."
            )
    for component in term.factor.components:
        if isinstance(component, Call):
            raise ValueError(
                f"a group is a column of the table; found {component.name!r} in {term.name!r} of "
                f"{formula!r}. Add it to the table as a column."
            )
        _check_variable(component, formula)


def _refuse_terms_of_the_score(found: Formula, argument: str) -> None:
    special = [
        *(term.name for term in found.group_terms),
        *(offset.name for offset in found.offsets),
        *(term.name for term in found.terms if is_monotonic(term)),
    ]
    if special:
        raise ValueError(
            f"only the formula of the score can have group-level terms, offset() and mo(); found "
            f"{special[0]!r} in {argument}={found.text!r}."
        )
