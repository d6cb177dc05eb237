"""A throw-away server with our extension, on a Unix socket, for as long as a run takes.

Nothing is synced to disk, and nothing outlives the run.  PostgreSQL refuses
root, so for root everything is a copy that belongs to "postgres".

SPDX-License-Identifier: Apache-2.0
"""
import os
import shutil
import subprocess
import tempfile

from .programs import SOURCE, Failed

# What a peer has is taken over where it can be asked.
SETTINGS = {
    "shared_buffers": "1GB",
    "max_connections": "120",
    "maintenance_work_mem": "1GB",
    "max_parallel_maintenance_workers": "2",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "jit": "off",
    "huge_pages": "try",
}


class OwnServer:
    def __init__(self, build, scratch, settings):
        self._settings = {**SETTINGS, **settings}
        version = os.environ.get("PG_VERSION", "15")
        self._folder = tempfile.mkdtemp(prefix="omendb-bench.", dir=scratch)
        os.chmod(self._folder, 0o755)
        subprocess.run([os.path.join(SOURCE, "tools", "stage_tests.sh"), build, self._folder], check=True)
        self._bin = os.path.join(self._folder, "prefix", "lib", "postgresql", version, "bin")
        self._as_user = []
        if os.geteuid() == 0:
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self._data = os.path.join(self._folder, "data")
        self._command("initdb", "-D", self._data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale",
                      "--no-sync")
        self.conninfo = f"host={self._folder} port=5432 user=bench dbname=postgres"
        self._write_settings()
        self._command("pg_ctl", "-D", self._data, "-l", os.path.join(self._data, "server.log"), "-w", "start")

    @property
    def folder(self):
        return self._folder

    @property
    def pid(self):
        with open(os.path.join(self._data, "postmaster.pid"), encoding="utf-8") as file:
            return int(file.readline())

    def _command(self, program, *arguments):
        ended = subprocess.run([*self._as_user, os.path.join(self._bin, program), *arguments], cwd=self._folder,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env={**os.environ, "HOME": self._folder}, text=True, check=False)
        if ended.returncode != 0:
            raise Failed(f"{program} failed: {ended.stderr.strip()}")

    def _write_settings(self):
        with open(os.path.join(self._data, "postgresql.auto.conf"), "w", encoding="utf-8") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{self._folder}'\n")
            for name, value in self._settings.items():
                file.write(f"{name} = '{value}'\n")

    def restart(self, shared_buffers):
        self._settings["shared_buffers"] = shared_buffers
        self._write_settings()
        self._command("pg_ctl", "-D", self._data, "-l", os.path.join(self._data, "server.log"), "-w", "-m", "fast",
                      "-t", "300", "restart")

    def stop(self):
        try:
            self._command("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
