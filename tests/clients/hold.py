"""Holds every feed for a while with the `websockets` package, and tells what it saw as one line of JSON.

Usage: hold.py URL SECONDS, with URL like ws://127.0.0.1:8080. Each feed is held twice, with and without compression
offered, and with the package's own keep-alive pings as they are by default (every 20 s).
"""

import asyncio
import json
import sys
import time

from websockets.asyncio.client import connect

FEEDS = ["backends", "metrics", "status", "billing", "health"]


async def hold(url: str, feed: str, compression: str | None, seconds: float) -> dict:
    messages, gaps, last, pongs = 0, 0, None, 0
    async with connect(f"{url}/api/ws/{feed}", compression=compression) as socket:
        end = time.monotonic() + seconds
        await socket.send(json.dumps({"type": "ping", "timestamp": 42}))
        while (left := end - time.monotonic()) > 0:
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), left))
            except TimeoutError:
                break
            if message["type"] == "pong":
                pongs += message["timestamp"] == 42
                continue
            messages += 1
            epoch, sequence = message["id"].rsplit("-", 1)
            if last is not None and (epoch, int(sequence)) != (last[0], last[1] + 1):
                gaps += 1
            last = (epoch, int(sequence))
        latency = await asyncio.wait_for(await socket.ping(b"still there?"), 5)
        await socket.close(1000, "done")
        return {
            "feed": feed,
            "compression": compression,
            "extensions": [extension.name for extension in socket.protocol.extensions],
            "messages": messages,
            "gaps": gaps,
            "pongs": pongs,
            "latency": latency,
            "close_code": socket.close_code,
        }


async def main() -> None:
    url, seconds = sys.argv[1], float(sys.argv[2])
    held = [hold(url, feed, compression, seconds) for feed in FEEDS for compression in (None, "deflate")]
    print(json.dumps(await asyncio.gather(*held)))


asyncio.run(main())
