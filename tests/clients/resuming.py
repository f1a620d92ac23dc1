"""Leaves a feed in the middle with the `websockets` package, comes back, and tells what it was given as one line of JSON.

Usage: resuming.py URL, with URL like ws://127.0.0.1:8080. It does so once on a socket of one feed, and once on one of several.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def until(socket, kind: str) -> dict:
    """The next message of this type."""
    while (message := json.loads(await socket.recv()))["type"] != kind:
        pass
    return message


async def resume(url: str, path: str, last_id: str) -> dict:
    async with connect(url + path) as socket:
        seen = [(await until(socket, "metrics"))["id"]]
        # No goodbye: the connection is lost.
        socket.transport.abort()
    await asyncio.sleep(5)
    joint = "&" if "?" in path else "?"
    async with connect(f"{url}{path}{joint}last_id={last_id}{seen[0]}") as socket:
        told = await until(socket, "resumed")
        for _ in range(told["data"]["replayed"] + 1):
            seen.append((await until(socket, "metrics"))["id"])
    return {"told": told["data"], "seen": seen}


async def main() -> None:
    url = sys.argv[1]
    one = resume(url, "/api/ws/metrics", "")
    several = resume(url, "/api/ws?feeds=metrics,billing", "metrics:")
    print(json.dumps(await asyncio.gather(one, several)))


asyncio.run(main())
