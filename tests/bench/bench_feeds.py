"""Requests per second of one feed with 500 events, beside nginx serving the same bytes, in paired rounds.

Run from the root of the repository: ``python -m tests.bench.bench_feeds [--rounds N] [--seconds S]``.
Needs wrk; nginx is measured where it is installed. Prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.servers import Server

EVENTS = 500
LINE = 0.20  # of nginx, for 304 and for 200 gzip
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_NGINX = """
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log crit;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off;
  types {{ text/calendar ics; }}
  sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 75s;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port}; root {dir}/www; gzip_static on; }}
}}
"""


def calendar_file(now: datetime) -> bytes:
    """Return one file with the events of the benchmark, the same for the same day."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//bench//bench//EN"]
    first = datetime(now.year, now.month, now.day, 8, tzinfo=UTC) - timedelta(days=30)
    for number in range(EVENTS):
        start = first + timedelta(hours=(number % 9), days=number // 4)
        lines += [
            "BEGIN:VEVENT",
            f"UID:bench-{number}@example.org",
            "DTSTAMP:20260101T000000Z",
            f"DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}",
            f"DTEND;TZID=Europe/Berlin:{start + timedelta(minutes=50):%Y%m%dT%H%M%S}",
            f"SUMMARY:Weekly review number {number}",
            f"LOCATION:Room {number % 17}",
            "DESCRIPTION:Agenda and notes are kept where everybody finds them.",
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def wrk(url: str, seconds: int, *headers: str) -> float:
    """Return requests per second over 32 connections and one thread."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s"]
    for header in headers:
        command += ["-H", header]
    out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out and not headers:
        raise RuntimeError(out)
    found = _RATE.search(out)
    if found is None:
        raise RuntimeError(out)
    return float(found[1])


def fetch(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and raw body of one request."""
    request = urllib.request.Request(
        url, headers={key.replace("_", "-"): value for key, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers.items()), b""


@contextmanager
def nginx(body: bytes, directory: Path) -> Iterator[str | None]:
    """Serve the same bytes with nginx, plain and compressed beforehand; None where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        yield None
        return
    www = directory / "www"
    www.mkdir(parents=True)
    (www / "feed.ics").write_bytes(body)
    (www / "feed.ics.gz").write_bytes(gzip.compress(body, 6))
    directory.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = directory / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_NGINX.format(dir=directory, port=port, user=user))
    process = subprocess.Popen(
        [program, "-c", str(config), "-p", str(directory), "-e", str(directory / "error.log")]
    )
    try:
        url = f"http://127.0.0.1:{port}/feed.ics"
        for _ in range(100):
            try:
                fetch(url)
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def measure(rounds: int, seconds: int) -> dict[str, Any]:
    """Run paired rounds and return the figures."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CALGATE_")}
        environment |= {key: os.environ[key] for key in ("CALGATE_RADICALE_CONF",) if key in os.environ}
        environment |= {"CALGATE_DATA": str(base / "data"), "CALGATE_LOG_LEVEL": "warning"}

        def cli(*arguments: str, stdin: bytes = b"") -> Any:
            command = [sys.executable, "-m", "gateway", *arguments, "--json"]
            done = subprocess.run(command, input=stdin, capture_output=True, env=environment, check=True)
            return json.loads(done.stdout)

        cli("resource", "add", "bench", "--kind", "room", "--zone", "Europe/Berlin")
        cli("import", "bench", "-", stdin=calendar_file(datetime.now(UTC)))
        link = cli("feed", "create", "bench", "--privacy", "full")
        with Server(environment, anew=True) as server:
            url = server.url + "/feeds/" + link["url"].split("/feeds/", 1)[1]
            started = time.perf_counter()
            _status, _headers, body = fetch(url)
            first_ms = (time.perf_counter() - started) * 1000
            tag = fetch(url, Accept_Encoding="gzip")[1]["ETag"]
            with nginx(body, base / "nginx") as other:
                return {
                    "events": body.count(b"BEGIN:VEVENT"),
                    "bytes": len(body),
                    "first_fetch_ms": round(first_ms, 1),
                    **_rounds(url, tag, other, rounds, seconds),
                }


def _rounds(url: str, tag: str, other: str | None, rounds: int, seconds: int) -> dict[str, Any]:
    packed = "Accept-Encoding: gzip"
    other_tag = fetch(other, Accept_Encoding="gzip")[1]["ETag"] if other else ""
    rates: dict[str, list[float]] = {
        name: [] for name in ("304", "gzip", "raw", "nginx 304", "nginx gzip", "nginx raw")
    }
    wrk(url, 1)
    for _ in range(rounds):
        rates["304"].append(wrk(url, seconds, packed, f"If-None-Match: {tag}"))
        if other:
            rates["nginx 304"].append(wrk(other, seconds, packed, f"If-None-Match: {other_tag}"))
        rates["gzip"].append(wrk(url, seconds, packed))
        if other:
            rates["nginx gzip"].append(wrk(other, seconds, packed))
        rates["raw"].append(wrk(url, seconds))
        if other:
            rates["nginx raw"].append(wrk(other, seconds))
    result: dict[str, Any] = {
        f"{name} per s": round(statistics.median(each)) for name, each in rates.items() if each
    }
    for name in ("304", "gzip", "raw"):
        pairs = [mine / theirs for mine, theirs in zip(rates[name], rates[f"nginx {name}"], strict=False)]
        if pairs:
            result[f"{name} of nginx"] = round(statistics.median(pairs), 3)
    return result


def main() -> None:
    """Print a table, a line of JSON, and what fell below its line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench_feeds needs wrk; install it (apt-get install wrk).")
    result = measure(given.rounds, given.seconds)
    for name, value in result.items():
        print(f"{name:>20}  {value:>12}")
    print(json.dumps({"bench": "feeds", **result}))
    for name in ("304", "gzip"):
        share = result.get(f"{name} of nginx")
        if share is None:
            print(f"nginx is not installed: {name} was not compared.")
        elif share < LINE:
            print(f"BELOW THE LINE: {name} is {share} of nginx, wanted {LINE}.")


if __name__ == "__main__":
    main()
