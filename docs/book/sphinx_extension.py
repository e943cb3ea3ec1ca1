"""What the book adds to Sphinx: targets and labels at cells, roles that point, local MathJax."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxRole

from book.notebooks import PlaceError, find_place

if TYPE_CHECKING:
    from docutils.nodes import Node, system_message
    from sphinx.application import Sphinx

MATHJAX = "mathjax/tex-chtml.js"
FONTS = "output/chtml/fonts"


class CellMarks(SphinxTransform):
    """Give each code cell a target, its number, and the numbers of what it shows."""

    default_priority: ClassVar[int] = 200

    def apply(self, **_: Any) -> None:
        """Mark the cells of a notebook."""
        for container in list(self.document.findall(nodes.container)):
            if container.get("nb_element") == "cell_code":
                self._mark(container)

    def _mark(self, container: nodes.container) -> None:
        number = container["cell_index"] + 1
        book = Path(self.env.docname).name[:2]
        label = f"nb{book}-cell-{number}"
        container["names"].append(label)
        self.document.note_explicit_target(container, container)
        run = f" [{container['exec_count']}]" if container.get("exec_count") else ""
        mark = nodes.reference("", f"cell {number}{run}", refid=container["ids"][0], internal=True)
        exhibits = container.get("cell_metadata", {}).get("exhibits", [])
        container.insert(0, nodes.paragraph("", "", mark, classes=["cell-mark"]))
        if exhibits:
            text = nodes.paragraph("", ", ".join(exhibits), classes=["exhibit"])
            self._output(container).insert(0, text)

    @staticmethod
    def _output(container: nodes.container) -> nodes.container:
        parts = container.findall(nodes.container)
        return next(part for part in parts if part.get("nb_element") == "cell_code_output")


class CellRole(SphinxRole):
    """Link to the cell that ``NN: words`` names."""

    def run(self) -> tuple[list[Node], list[system_message]]:
        """Return the link, or the reason why there is none."""
        try:
            cell = find_place(self.text)
        except PlaceError as error:
            message = self.inliner.reporter.error(str(error), line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        link = pending_xref(
            "",
            nodes.inline("", cell.place),
            refdomain="std",
            reftype="ref",
            refexplicit=True,
            reftarget=cell.label,
            refwarn=True,
            refdoc=self.env.docname,
        )
        return [link], []


class TestRole(SphinxRole):
    """Name a test by file and function."""

    __test__ = False

    def run(self) -> tuple[list[Node], list[system_message]]:
        """Return the name as code."""
        return [nodes.literal("", self.text.replace("::", "\u200b::\u200b"))], []


def copy_mathjax(app: Sphinx) -> None:
    """Copy the one script and the fonts that the book uses; nothing is fetched by readers."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    assert package is not None and package.origin is not None  # noqa: S101, PT018
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "tex-chtml.js", target)
    shutil.copytree(source / FONTS, target / FONTS, dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it."""
    app.add_transform(CellMarks)
    app.add_role("cell", CellRole())
    app.add_role("test", TestRole())
    app.connect("builder-inited", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
