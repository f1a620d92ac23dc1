"""Servers of the `websockets` package that compress, one a set of options, for our client to read.

Usage: compressing.py COUNT. Says on the first line of stdout where they listen, as JSON: {"options": port, ...}. Each sends
COUNT messages of a feed, every third in fragments, and waits for the client to say goodbye.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

OPTIONS = {
    "default": {},
    "no server context": {"server_no_context_takeover": True},
    "no client context": {"client_no_context_takeover": True},
    "window 9": {"server_max_window_bits": 9},
    "window 12": {"server_max_window_bits": 12, "client_max_window_bits": 9},
}


def message(number: int) -> str:
    words = "".join(chr(0x61 + (number * at) % 26) for at in range(number % 50 * 40))
    return json.dumps({"type": "metrics", "data": {"requests": number, "note": f"{words} é ☃ 𝄞"}, "id": f"0000000a-{number}"})


async def main() -> None:
    count = int(sys.argv[1])

    async def talk(socket) -> None:
        for number in range(1, count + 1):
            text = message(number)
            third = len(text) // 3
            await socket.send([text[:third], text[third : 2 * third], text[2 * third :]] if number % 3 == 0 else text)
        await socket.wait_closed()

    ports = {}
    for name, options in OPTIONS.items():
        factory = ServerPerMessageDeflateFactory(**options)
        server = await serve(talk, "127.0.0.1", 0, compression=None, extensions=[factory])
        ports[name] = server.sockets[0].getsockname()[1]
    server = await serve(talk, "127.0.0.1", 0, compression=None)
    ports["none"] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Future()


asyncio.run(main())
