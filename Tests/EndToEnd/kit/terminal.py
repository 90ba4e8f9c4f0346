"""A terminal that programs run in: tmux, driven and looked at."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from .waiting import until

# The sixteen colours, as xterm has them.
COLOURS = [
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
]  # fmt: skip


class Terminal:
    """One tmux server with one window; everything of it is on a socket of its own."""

    def __init__(self, directory, columns=80, rows=24, name="screen", environment=None):
        self.socket = Path(directory) / f"{name}.tmux"
        self.columns, self.rows = columns, rows
        settings = Path(directory) / f"{name}.conf"
        settings.write_text("set -g status off\nset -s escape-time 0\nset -g default-terminal tmux-256color\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SHELL": "/bin/sh",
            **(environment or {}),
        }
        self._tmux("-f", settings, "new-session", "-d", "-x", columns, "-y", rows, "env", "PS1=ready$ ", "sh")
        try:
            self.wait_for("ready$")
        except AssertionError:
            self.stop()
            raise

    def _tmux(self, *arguments):
        return subprocess.run(
            ["tmux", "-S", str(self.socket), *map(str, arguments)],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout

    def run(self, arguments, prefix=""):
        """Types a command line."""
        self.type(prefix + " ".join(shlex.quote(str(argument)) for argument in arguments))
        self.press("Enter")

    def type(self, text):
        self._tmux("send-keys", "-l", text)

    def press(self, *keys):
        self._tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self._tmux("resize-window", "-x", columns, "-y", rows)

    @property
    def text(self):
        return self._tmux("capture-pane", "-p")

    @property
    def styled(self):
        """What is shown, with colours."""
        return self._tmux("capture-pane", "-e", "-N", "-p")

    def state(self, name):
        """What tmux knows of the pane: `alternate_on`, `cursor_flag`, `cursor_x`, `mouse_any_flag`."""
        return self._tmux("display-message", "-p", "#{" + name + "}").strip()

    def wait_for(self, text, within=15.0):
        """Waits until this is shown; the whole screen then."""
        try:
            return until(lambda: (shown := self.text) and text in shown and shown, f"{text!r} on the screen", within)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\nthe screen was:\n{self.text}") from None

    def cells(self):
        return cells(self.styled, self.columns, self.rows)

    def stop(self):
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], env=self.environment, capture_output=True)


def cells(styled, columns, rows):
    """Rows of (character, foreground, background, bold, dim, underlined); colours are None or a number."""
    grid = []
    style = {"fg": None, "bg": None, "bold": False, "dim": False, "reverse": False, "underline": False}
    for line in styled.split("\n")[:rows]:
        row = []
        for part in re.finditer(r"\x1b\[([\d;]*)m|\x1b[()][0AB]|(.)", line):
            if part.group(2) is None:
                _apply(style, part.group(1) or "0")
                continue
            fg, bg = style["fg"], style["bg"]
            row.append((part.group(2), fg, bg, style["bold"], style["dim"], style["underline"], style["reverse"]))
        row += [(" ", None, None, False, False, False, False)] * (columns - len(row))
        grid.append(row)
    return grid


def _apply(style, parameters):
    for number in (int(text or 0) for text in parameters.split(";")):
        if number == 0:
            style.update(fg=None, bg=None, bold=False, dim=False, reverse=False, underline=False)
        elif number == 1:
            style["bold"] = True
        elif number == 2:
            style["dim"] = True
        elif number == 4:
            style["underline"] = True
        elif number == 7:
            style["reverse"] = True
        elif 30 <= number <= 37:
            style["fg"] = number - 30
        elif number == 39:
            style["fg"] = None
        elif 40 <= number <= 47:
            style["bg"] = number - 40
        elif number == 49:
            style["bg"] = None


def pixels(grid, foreground=7, background=0):
    """Half blocks as what they show: two rows of dark (1) and light (0) pixels for each row of cells."""
    image = []
    for row in grid:
        upper, lower = [], []
        for character, fg, bg, _, _, _, reverse in row:
            fg, bg = (foreground if fg is None else fg), (background if bg is None else bg)
            if reverse:
                fg, bg = bg, fg
            dark = {True: 1, False: 0}
            ink, paper = dark[sum(COLOURS[fg]) < 384], dark[sum(COLOURS[bg]) < 384]
            upper.append(ink if character in "▀█" else paper)
            lower.append(ink if character in "▄█" else paper)
        image += [upper, lower]
    return image


def write_bitmap(image, path, scale=6):
    """A PBM file."""
    with open(path, "w") as file:
        file.write(f"P1\n{len(image[0]) * scale} {len(image) * scale}\n")
        for row in image:
            line = "".join(str(pixel) * scale for pixel in row)
            file.write("\n".join([line] * scale) + "\n")
