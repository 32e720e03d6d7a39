"""Start the laboratory: ``python -m gateway.lab --google --port 9090 --state lab.json``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from gateway.lab.core.errors import EngineMissing
from gateway.lab.core.identity import Account, Client
from gateway.lab.core.settings import Settings

_LABELS = {"caldav": "a CalDAV server", "google": "Google", "microsoft": "Microsoft"}


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.lab", description="Simulators of calendar providers. Not the real services."
    )
    parser.add_argument("--google", action="store_true", help="simulate Google (OAuth 2 and Calendar v3)")
    parser.add_argument(
        "--microsoft", action="store_true", help="simulate Microsoft (Entra and Graph v1.0, calendars)"
    )
    parser.add_argument(
        "--caldav", action="store_true", help="simulate a CalDAV server that mails guests (RFC 6638)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one (0)")
    parser.add_argument(
        "--state", type=Path, help="file that keeps the state; without it everything is in memory"
    )
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="EMAIL[@@ZONE]",
        help="account to create at each open provider; may be repeated",
    )
    parser.add_argument(
        "--client-id", default="", help="client to register (calgate-lab.apps.googleusercontent.com)"
    )
    parser.add_argument("--client-secret", default="", help="its secret (calgate-lab-secret)")
    parser.add_argument(
        "--redirect-uri", action="append", default=[], help="its redirect address; may be repeated"
    )
    parser.add_argument("--tls", type=Path, metavar="DIR", help="speak https; the authority is DIR/ca.pem")
    parser.add_argument(
        "--while-stdin-open", action="store_true", help="end when standard input is closed, too"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a switch; GET /lab/settings lists them",
    )
    return parser.parse_args(argv)


def _settings(pairs: list[str]) -> Settings:
    settings = Settings(webhook_http=True, page_cap=250)
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise ValueError(f"--set wants NAME=VALUE, not {pair!r}.")
        try:
            settings.patch({name: json.loads(value)})
        except json.JSONDecodeError:
            settings.patch({name: value})
    return settings


def _accounts(names: list[str]) -> tuple[Account, ...]:
    made = []
    for name in names:
        email, _, zone = name.partition("@@")
        made.append(Account(email=email, name=email.split("@", maxsplit=1)[0], zone=zone or "UTC"))
    return tuple(made)


def _client(arguments: argparse.Namespace, demo: Client) -> Client:
    return Client(
        client_id=arguments.client_id or demo.client_id,
        client_secret=arguments.client_secret or demo.client_secret,
        redirect_uris=arguments.redirect_uri,
        desktop=True,
    )


def _stop_at_end(stop: asyncio.Event) -> None:
    """Read what comes in; nothing more means that whoever started us is gone."""
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


async def _run(arguments: argparse.Namespace, providers: frozenset[str]) -> None:
    from gateway.lab.app import DEMO_ACCOUNTS, DEMO_CLIENT, MICROSOFT_CLIENT, Laboratory, demo_mailboxes
    from gateway.lab.microsoft.model import Mailbox

    laboratory = Laboratory(
        state_file=arguments.state, settings=_settings(arguments.set), providers=providers
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if arguments.while_stdin_open:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end, stop)
    try:
        address = await laboratory.start(host=arguments.host, port=arguments.port, tls=arguments.tls)
        accounts = _accounts(arguments.account)
        boxes = tuple(Mailbox(email=item.email, name=item.name, zone=item.zone) for item in accounts)
        client, other = _client(arguments, DEMO_CLIENT), _client(arguments, MICROSOFT_CLIENT)
        for item in (client, other):
            laboratory.lab.identity.clients.pop(item.client_id, None)
        laboratory.furnish(
            accounts=accounts or DEMO_ACCOUNTS,
            client=client,
            mailboxes=boxes or demo_mailboxes(),
            microsoft_client=other,
        )
        names = " and ".join(_LABELS[name] for name in sorted(providers))
        sys.stdout.write(f"Simulator of {names}, not the real service: {address}/lab/\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await laboratory.stop()


def main(argv: list[str] | None = None) -> int:
    """Run until a signal comes; returns the exit status."""
    arguments = _arguments(argv)
    providers = frozenset(name for name in ("google", "microsoft", "caldav") if getattr(arguments, name))
    if not providers:
        sys.stderr.write("Say what to simulate: --google, --microsoft, --caldav, or several.\n")
        return 2
    try:
        asyncio.run(_run(arguments, providers))
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{error.name} is not installed. Install it with: pip install 'calgate[lab]'\n")
        return 1
    except (EngineMissing, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
