"""`make demo`: start a server beside this folder, train on real data, say which page to open.

The server goes on when this ends, so that the page can be looked at; `make demo-stop` stops it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "demo-data"
PID_FILE = DATA / "server.pid"
LOG_FILE = DATA / "server.log"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("DEMO_PORT", "5080")))
    parser.add_argument("--stop", action="store_true", help="stop the server of an earlier demo")
    arguments = parser.parse_args()
    if arguments.stop:
        return stop()
    url = f"http://127.0.0.1:{arguments.port}"
    if not healthy(url) and not start(url, arguments.port):
        return 1
    environment = {**os.environ, "PODIUM_TRACKING_URI": url}
    status = subprocess.run(
        [sys.executable, HERE / "digits.py"], env=environment, check=False
    ).returncode
    if status == 0:
        print(f"\nThe server goes on at {url} until you type: make demo-stop")
    return status


def start(url: str, port: int) -> bool:
    """Start the server in a session of its own and wait until it answers."""
    DATA.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "podium.registry.cli", "up"]
    with LOG_FILE.open("ab") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--data", str(DATA)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    PID_FILE.write_text(str(server.pid))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if healthy(url):
            print(f"Podium is up at {url}")
            return True
        if server.poll() is not None:
            break
        time.sleep(0.05)
    sys.stderr.write(
        f"The server did not start. The end of {LOG_FILE}:\n{LOG_FILE.read_text()[-2000:]}\n"
        "Is the port taken? Choose another: make demo DEMO_PORT=5081\n"
    )
    return False


def stop() -> int:
    try:
        os.kill(int(PID_FILE.read_text()), signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        print("No demo server is running.")
        return 0
    PID_FILE.unlink()
    print(f"Stopped. The data stays in {DATA} until you delete it.")
    return 0


def healthy(url: str) -> bool:
    """Whether a Podium answers there, and not some other server that took the port."""
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=2) as answer:
            return {"database", "artifacts"} <= set(json.load(answer))
    except (urllib.error.URLError, OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main())
