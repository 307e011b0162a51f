"""Where a file is that another file names."""

from pathlib import Path


def beside(name: str, folder: Path) -> Path:
    """The absolute path of file `name`: in `folder`, that of the file which names it; if it is not
    there but in the working directory, that one.
    """
    path = folder.absolute() / name
    here = Path.cwd() / name
    return here if here.is_file() and not path.is_file() else path
