"""A time of day of its own for one program, which tests move on (see moved_clock.c)."""

import shutil
from pathlib import Path

from .processes import run


class MovedClock:
    def __init__(self, directory):
        self._file = Path(directory) / "seconds"
        self._library = Path(directory) / "moved_clock.so"
        self._seconds = 0
        self._file.write_bytes(bytes(8))
        compiler = shutil.which("clang") or shutil.which("cc")  # Swift brings clang along
        source = Path(__file__).with_name("moved_clock.c")
        code, output = run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", self._library, source])
        assert code == 0, output

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self._library), "MOVED_CLOCK": str(self._file)}

    def move(self, seconds):
        """Onwards by so many seconds, at once."""
        self._seconds += seconds
        with open(self._file, "r+b", buffering=0) as file:
            file.write(self._seconds.to_bytes(8, "little", signed=True))
