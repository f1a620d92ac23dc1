"""Holds feeds with the `websockets` package under several terms of compression, and tells what came as one line of JSON.

Usage: compressed.py URL FEED COUNT, with URL like ws://127.0.0.1:8080. Under each of the terms three connections join, the
second and third after a while; until a connection without compression has COUNT messages. Each asks for pongs on the way.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

TERMS = {
    "default": {"client_max_window_bits": True},
    "bare": {},
    "no server context": {"server_no_context_takeover": True},
    "no client context": {"client_no_context_takeover": True},
    "client window 9": {"client_max_window_bits": 9},
    "server window 15": {"server_max_window_bits": 15},
    "server window 10": {"server_max_window_bits": 10},
}


async def hold(url: str, terms: dict, after: int, came: list, enough: asyncio.Event, held: list) -> None:
    while len(came) < after:
        await asyncio.sleep(0.01)
    extensions = [ClientPerMessageDeflateFactory(**terms["options"])] if terms["options"] is not None else None
    async with connect(url, compression=None, extensions=extensions, max_size=None, max_queue=None) as socket:
        one = {"terms": terms["name"], "agreed": [], "messages": [], "pongs": 0}
        one["agreed"] = [str(extension) for extension in socket.protocol.extensions]
        held.append(one)
        end = asyncio.create_task(enough.wait())
        while not end.done():
            receive = asyncio.create_task(socket.recv())
            await asyncio.wait([receive, end], return_when=asyncio.FIRST_COMPLETED)
            if not receive.done():
                receive.cancel()
                break
            text = receive.result()
            if json.loads(text)["type"] == "pong":
                one["pongs"] += 1
                continue
            one["messages"].append(text)
            if terms["options"] is None:
                came.append(text)
            if len(one["messages"]) % 7 == 0:
                await socket.send(json.dumps({"type": "ping", "timestamp": "compressed or not: " * 20}))
                await socket.ping()
        await socket.close(1000, "done")
        one["close_code"] = socket.close_code


async def main() -> None:
    url, feed, count = f"{sys.argv[1]}/api/ws/{sys.argv[2]}", sys.argv[2], int(sys.argv[3])
    came: list = []
    held: list = []
    enough = asyncio.Event()
    plain = asyncio.create_task(hold(url, {"name": "plain", "options": None}, 0, came, enough, held))
    tasks = [
        asyncio.create_task(hold(url, {"name": name, "options": options}, after, came, enough, held))
        for name, options in TERMS.items()
        for after in (1, count // 4, count // 2)
    ]
    while len(came) < count and not plain.done():
        await asyncio.sleep(0.01)
    enough.set()
    await asyncio.gather(plain, *tasks)
    print(json.dumps({"feed": feed, "held": held}))


asyncio.run(main())
