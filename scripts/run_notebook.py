"""Run a notebook in its folder and keep the outputs: run_notebook.py FILE.ipynb."""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]


def executed(path: Path) -> NotebookNode:
    """The notebook with the outputs of this checkout.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    # tqdm, if it is there, complains in every notebook of a machine without ipywidgets.
    # One thread: the system is small, and a second one only waits on a busy machine.
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore:IProgress",
    }
    client = NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,  # so that equal outputs give an equal file
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env=environment)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(Path(sys.argv[1])), sys.argv[1])
