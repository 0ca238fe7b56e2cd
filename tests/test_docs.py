"""The documentation says what the code does: generated pages, examples that run, links that lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

import understudy
from conftest import ROOT, Understudy
from understudy.contrast import derive
from understudy.profile import MEASURES
from understudy.style import measures as counted

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(
    r"<!-- (?P<mark>tested|file: (?P<file>[\w.]+)) -->\n```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


sys.path.append(str(ROOT / "docs"))
BY_HAND = {"agreement.md", "episodes.md"}
"""Pages of the reference that are not generated: what the graders were judged by, and the guideline of the labels."""


def generated() -> dict[str, str]:
    return dict(import_module("generate").pages())


def test_the_reference_is_what_the_code_says() -> None:
    folder = ROOT / "docs" / "reference"
    made = generated()
    assert {path.name for path in folder.glob("*.md")} == set(made) | BY_HAND
    drifted = [name for name, text in made.items() if (folder / name).read_text(encoding="utf-8") != text]
    assert not drifted, f"docs/reference is behind the code ({', '.join(drifted)}): run `make docs`"


def test_every_measure_is_defined() -> None:
    page, found = generated()["measures.md"], import_module("measures")
    sections = {part.partition("\n")[0]: part for part in re.split(r"^## ", page, flags=re.M)}
    assert list(found.defined()) == [name for name in MEASURES if name not in found.KEYS]
    for name, family in found.defined().items():
        assert re.search(rf"`({name}|{name.partition('_')[0]}_\*)`(, `\w+`)*: \w", sections[family]), name


@pytest.mark.parametrize("column", ["mtld", "width", "stage_framing"])
def test_a_measure_without_a_definition_is_found(column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for family in import_module("measures").FAMILIES:
        function = getattr(counted, family)
        text = function.__doc__.replace(f"``{column}``", "it").replace("``stage_*``", "they")
        monkeypatch.setattr(function, "__doc__", text)
    with pytest.raises(LookupError, match=column):
        import_module("measures").defined()


def test_formulas_of_derived_columns_are_those_of_the_code() -> None:
    values = {name: [7 * place + 11] for place, name in enumerate(MEASURES)}
    row = pl.DataFrame(values).select(pl.all().cast(pl.Float64))
    derived = derive(row)
    formulas = import_module("measures").derived()
    assert set(derived.columns) == set(MEASURES) | set(formulas)
    for name, formula in formulas.items():
        assert derived[name].to_list() == pytest.approx([eval(formula, row.row(0, named=True))]), name


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.stem)
def test_a_guide_does_what_it_shows(page: Path, tmp_path: Path, understudy: Understudy) -> None:
    if page.stem == "first-study":
        pytest.importorskip("torch", reason="the extra train is not installed")
    blocks = list(BLOCK.finditer(page.read_text(encoding="utf-8")))
    assert blocks, "a guide has blocks that are run"
    for block in blocks:
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
            as_plugin(tmp_path, block["file"])
        elif block["kind"] == "python":
            run_python(block["text"], tmp_path)
        else:
            run_console(block["text"], tmp_path, understudy)


def as_plugin(folder: Path, file: str) -> None:
    """A Python file of a guide is a variant: put it on the shelf as another package would, by an entry point."""
    if file.endswith(".py"):
        stem = file.removesuffix(".py")
        about = folder / "guide-0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: guide\nVersion: 0\n")
        (about / "entry_points.txt").write_text(f"[understudy.variants]\n{stem.replace('_', '-')} = {stem}\n")


def run_python(code: str, folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def run_console(text: str, folder: Path, understudy: Understudy) -> None:
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "understudy", "only our own command is run"
        done = understudy(*arguments, cwd=folder, PYTHONPATH=str(folder))
        written = trimmed(done.stdout + done.stderr)
        pattern = ".*".join(re.escape(piece) for piece in trimmed(shown).split("…"))
        assert re.fullmatch(pattern, written, re.S), f"$ {command}\nshown:\n{shown}\nwritten:\n{written}"
        assert done.returncode in (0, 2)


def trimmed(text: str) -> str:
    """Without white space at the ends of lines and of the text."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    for link in LINK.finditer(prose):
        target, _, anchor = link["target"].partition("#")
        if target.startswith(("http://", "https://")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(path), f"{page.name} links to {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    headings = re.findall(r"^#+ (.+)$", prose, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60


def test_the_readme_names_every_study() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "studies").glob("*.yaml") if f"studies/{path.name}" not in readme] == []


def test_the_changelog_has_this_version() -> None:
    assert f"## [{understudy.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    folder = ROOT / "docs"
    lost = [
        p.relative_to(folder).as_posix() for p in folder.rglob("*.md") if p.relative_to(folder).as_posix() not in index
    ]
    assert lost == ["index.md"]
