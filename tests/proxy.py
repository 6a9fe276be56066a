"""A real nginx with the lines that docs/deploy.md gives."""

import contextlib
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.browser import PROJECT

_FILE = """
{user}daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {lines}
}}
"""


def find_nginx() -> str | None:
    """Return where nginx is, None where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def read_lines(begin: str) -> str:
    """Return the lines for nginx in docs/deploy.md that begin so."""
    text = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (lines,) = re.findall(rf"```\n({begin}.*?)```", text, re.DOTALL)
    return str(lines)


@contextlib.contextmanager
def run_nginx(folder: Path, lines: str, port: int, path: str) -> Iterator[str]:
    """Run nginx with some lines of its http part; yield its address when a path is answered."""
    nginx = find_nginx()
    assert nginx is not None, "nginx is not installed (apt-get install nginx-light)"
    # Of root, nginx would have its files read by somebody who may not enter the folder.
    user = "user root; " if os.geteuid() == 0 else ""
    (folder / "conf").write_text(_FILE.format(folder=folder, lines=lines, user=user))
    with (folder / "out").open("w") as out:
        process = subprocess.Popen(
            [nginx, "-p", str(folder), "-c", str(folder / "conf")], stdout=out, stderr=out
        )
    address = f"http://localhost:{port}"
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}{path}", timeout=5).close()
                break
            assert process.poll() is None, (folder / "out").read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)
