"""The names of the commands where the system looks for them: links in bin/ and [project.scripts]."""

from __future__ import annotations

import sys

from generated import ROOT, replace_block, settle
from helping import tell_help
from roadmap_cli.cli import surface


def main() -> int:
    names = surface.names()
    bin_folder = ROOT / "bin"
    check = "--check" in sys.argv[1:]
    have = {path.name for path in bin_folder.iterdir() if path.is_symlink()}
    wrong = have ^ set(names)
    for name in sorted(wrong):
        print(f"{'out of date' if check else 'made'}: bin/{name}", file=sys.stderr)
        if check:
            continue
        if name in have:
            (bin_folder / name).unlink()
        else:
            (bin_folder / name).symlink_to("_launch")
    project = ROOT / "pyproject.toml"
    scripts = "[project.scripts]\n" + "".join(f'{name} = "{surface.module_of(name)}:main"\n' for name in names)
    text = replace_block(project.read_text(), "tools/gen_links.py", scripts)
    return settle({project: text}) or (1 if check and wrong else 0)


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
