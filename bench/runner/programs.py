"""The C programs of this folder: built when asked for first, run, their JSON read.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import fcntl
import json
import os
import subprocess

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


class Failed(Exception):
    """A program said why it could not go on."""


class Programs:
    def __init__(self, build, lock=None):
        self.build = build
        self._lock = lock
        self._folder = os.path.join(build, "meson", "bench")

    def make(self):
        """Brings the programs up to date; the build folder must have been set up by make."""
        meson = os.path.join(self.build, "meson")
        if not os.path.exists(os.path.join(meson, "build.ninja")):
            raise Failed(f"{self.build} is no build folder.  Run: make")
        made = subprocess.run(["ninja", "-C", meson, "bench_programs"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if made.returncode != 0:
            raise Failed(made.stdout)

    @contextlib.contextmanager
    def turn(self):
        """While something is timed: holds the lock file that others on this machine hold while they measure."""
        if not self._lock:
            yield
            return
        with open(self._lock, "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def run(self, name, *arguments):
        """Runs a program; what it printed, as JSON where it printed any."""
        command = [os.path.join(self._folder, name), *(str(a) for a in arguments)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if ended.returncode != 0:
            raise Failed(f"{name} failed: {ended.stderr.strip() or ended.returncode}\n  {' '.join(command)}")
        return json.loads(ended.stdout) if ended.stdout.strip() else None
