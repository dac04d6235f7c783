import ast
import subprocess
import sys

import pytest

from tests.architecture.modules import PACKAGE, modules

MODULES = modules()
LEAVES = {"errors", "version"}
PARTS = ("conditions", "taps", "guiders", "samplers")
PART_KNOWS = {"core", "models", *LEAVES}
GROUND = {"core", "models", "data", "metrics", "spec", *PARTS, *LEAVES}
ALLOWED = {
    "errors": set(),
    "version": set(),
    "spec": LEAVES,
    "core": LEAVES,
    "models": {"core", *LEAVES},
    "data": {"core", "models", *LEAVES},
    "metrics": {"core", "models", "data", "scale", *LEAVES},
    **{part: PART_KNOWS for part in PARTS},  # noqa: C420 - one set, never changed
    # an energy is about what its taps read
    "guiders": {"taps", *PART_KNOWS},
    "train": GROUND,
    "scale": LEAVES,
    "zoo": {"train", "scale", *GROUND},
    "balancing": {"zoo", *GROUND},
    "experiments": {"balancing", "zoo", "train", "scale", *GROUND},
    "recipes": {"zoo", *GROUND},
    "bench": {"recipes", "zoo", *GROUND},
    "study": {"bench", "data", *LEAVES},
    "studio": {"recipes", "zoo", *GROUND},
    # the door itself
    "__init__": {"studio", "version"},
    "service": {"recipes", "studio", "zoo", "study", *GROUND},
    "cli": {
        "recipes",
        "studio",
        "train",
        "scale",
        "zoo",
        "balancing",
        "bench",
        "study",
        "experiments",
        "service",
        "bot",
        *GROUND,
    },
    "__main__": {"cli"},
    "client": LEAVES,
    "bot": {"client", *LEAVES},
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base", "tools", "stuff"}
UNPICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def test_there_is_something_to_look_at():
    assert len(MODULES) > 40
    assert {"core", "models", "guiders", "samplers", "train"} <= {m.part for m in MODULES}


def test_imports_point_one_way():
    unknown = {m.part for m in MODULES} - ALLOWED.keys()
    assert not unknown, f"say in this test what {', '.join(sorted(unknown))} may import"
    wrong = {m.name: m.parts_imported() - ALLOWED[m.part] for m in MODULES}
    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_parts_form_no_circle():
    graph = {}
    for module in MODULES:
        graph.setdefault(module.part, set()).update(module.parts_imported())
    done = []

    def visit(part, path):
        assert part not in path, " -> ".join([*path, part])
        if part not in done:
            for other in sorted(graph.get(part, ())):
                visit(other, [*path, part])
            done.append(part)

    for part in sorted(graph):
        visit(part, [])


def test_files_are_short():
    lines = {m.name: len(m.text.splitlines()) for m in MODULES}
    assert {name: n for name, n in lines.items() if n > 500} == {}
    assert sum(n <= 150 for n in lines.values()) >= 0.7 * len(lines)


def test_names_say_what_is_inside():
    def words(module):
        parts = module.path.with_suffix("").relative_to(PACKAGE).parts
        return {*parts, *(word for part in parts for word in part.split("_"))}

    assert [m.name for m in MODULES if words(m) & VAGUE] == []


def test_every_module_says_what_it_is_for():
    first = {m.name: (ast.get_docstring(m.tree) or "").split("\n")[0] for m in MODULES}
    assert [name for name, line in first.items() if len(line) < 15] == []


def test_nothing_is_unpickled_and_no_text_is_run():
    def faults(module):
        for name in module.imports():
            if name.split(".")[0] in UNPICKLERS:
                yield f"imports {name}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "yaml.load"):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                yield f"line {node.value.lineno}: allow_pickle"
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "exec"):
                yield f"line {node.lineno}: {ast.unparse(node.func)}"

    found = {m.name: list(faults(m)) for m in MODULES}
    assert {name: list_ for name, list_ in found.items() if list_} == {}


def test_nothing_is_left_unfinished():
    def faults(module):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc):
                yield node.lineno
        for number, line in enumerate(module.text.splitlines(), 1):
            if {"TODO", "FIXME", "XXX"} & set(line.replace(":", " ").split()):
                yield number

    found = {m.name: list(faults(m)) for m in MODULES}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_every_folder_of_modules_is_a_package():
    folders = {m.path.parent for m in MODULES}
    assert [str(f) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


@pytest.mark.parametrize(
    "name",
    [
        "palitra",
        "palitra.errors",
        "palitra.spec",
        "palitra.cli.main",
        "palitra.service.api.app",
        "palitra.bot.run",
    ],
)
def test_torch_is_not_imported_before_it_is_needed(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    if not path.is_dir() and not path.with_suffix(".py").is_file():
        pytest.skip(f"{name} does not exist yet")
    names = [name]
    if name == "palitra.spec":
        names += [f"{name}.{file.stem}" for file in sorted(path.glob("*.py")) if file.stem != "__init__"]
    heavy = ("torch", "diffusers", "transformers", "scipy")
    code = f"import sys, {', '.join(names)}\nprint([m for m in {heavy!r} if m in sys.modules])"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"
