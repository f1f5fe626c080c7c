"""The temporary files of the workers: a folder each, named after the process, as AWS gives each environment a /tmp.

A worker that is killed cannot tidy up, so the pool does: what no living process owns is removed.
"""

import os
import shutil
from pathlib import Path

from localcloud.home import is_alive


def own_folder(root: Path) -> Path:
    """The folder of this process, made anew: a process that had the same id before is gone."""
    folder = root / str(os.getpid())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return folder


def remove_left(root: Path) -> None:
    """Remove the folders of processes that are gone; one that is just going is left for the next time."""
    for folder in root.iterdir() if root.is_dir() else ():
        if not folder.name.isdecimal() or not is_alive(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)
