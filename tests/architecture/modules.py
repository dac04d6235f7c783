"""The package's source as syntax trees: rules are checked without running it."""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "palitra"


@dataclass(frozen=True)
class Module:
    path: Path

    @property
    def name(self) -> str:
        """Path inside the package, as messages name it."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def part(self) -> str:
        """`core` of core/loop.py, `errors` of errors.py."""
        return self.path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def imports(self) -> set[str]:
        """Dotted names of everything imported, at the top or inside functions."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = "palitra." * bool(node.level) + (node.module or "")
                found |= {f"{base}.{alias.name}" for alias in node.names}
        return found

    def parts_imported(self) -> set[str]:
        """Parts of palitra that this module imports, without its own."""
        own = {name.split(".")[1] for name in self.imports() if name.startswith("palitra.")}
        return own - {self.part}


def modules() -> list[Module]:
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
