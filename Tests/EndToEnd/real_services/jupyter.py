"""JupyterLab, as `jupyter lab` starts it."""

import os
import sys

from kit.names import free_port
from kit.processes import Program
from kit.waiting import until

from .applications import environment, listens


class Jupyter:
    def __init__(self, directory):
        self.directory = directory
        (directory / "notebooks").mkdir(parents=True)
        self.port = free_port()
        arguments = ["--no-browser", f"--ServerApp.port={self.port}", "--ServerApp.ip=127.0.0.1"]
        arguments += ["--ServerApp.allow_remote_access=True", f"--ServerApp.root_dir={directory}/notebooks"]
        arguments += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        arguments += ["--allow-root"] if os.geteuid() == 0 else []
        self._program = Program(
            [sys.executable, "-m", "jupyterlab", *arguments],
            environment=environment(directory, JUPYTER_TOKEN="a-token"),
            directory=directory,
            log=directory / "jupyter.log",
        )

    def wait(self):
        def ready():
            assert self._program.is_running, self._program.output[-3000:]
            return listens(self.port)

        until(ready, "JupyterLab to listen", within=60)
        return self

    def stop(self):
        self._program.stop()
