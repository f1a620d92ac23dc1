"""Runs the Autobahn case files (PyPI `kosoku`) against a feed and tells the verdicts as one line of JSON.

Usage: autobahn.py URL, with URL like ws://127.0.0.1:8080/api/ws/billing.

The cases are written for an echo server. A feed does not echo, but it answers every text that is not JSON with one
message, `{"type":"error","data":{"code":"bad_message",…}}`: here that answer stands for the echo the case waits for, and
the feed's own messages are passed over. So everything but the bytes of the echo is judged by the case files as they are:
what fails the connection, with which code, who closes, pongs, order, and that nothing comes after.

Left out: 1.2.* (binary, which a feed refuses with 1003), 9.* (mostly messages past a feed's 64 KiB, refused with 1009, and
the speed of echoes), 12.* and 13.* (compression). 239 cases are left.
"""

import asyncio
import json
import os
import sys

from kosoku import FailureError, _caseindex, run_fuzzingclient

_caseindex.initialize_shims()

from case import Case  # noqa: E402  the shim above makes it importable

EXCLUDED = ["1.2.*", "9.*", "12.*", "13.*"]


def on_message(self, message, binary):
    text = message if isinstance(message, str) else bytes(message).decode()
    document = json.loads(text)
    if document.get("type") != "error":
        return
    at = len(self.received)
    echoes = [events[at] for events in self.expected.values() if len(events) > at and events[at][0] == "message"]
    self.received.append(echoes[0] if echoes else ("message", message, binary))
    self.finishWhenDone()


Case.onMessage = on_message


async def main() -> None:
    failed: list = []
    try:
        results = await run_fuzzingclient(sys.argv[1], None, EXCLUDED, concurrency=8)
    except FailureError as failure:
        results, failed = failure.results, failure.results
    print(
        json.dumps(
            {
                "run": len(results),
                "failed": [
                    {
                        "case": result.case_id,
                        "behavior": result.behavior.value,
                        "close": result.behavior_close.value,
                        "result": result.result,
                        "result_close": result.result_close,
                        "remote_close_code": result.remote_close_code,
                    }
                    for result in failed
                    if not result.passed
                ],
            }
        )
    )


asyncio.run(main())
# kosoku's threads may still run and abort an interpreter that takes itself apart: the verdict is out, so leave.
sys.stdout.flush()
os._exit(0)
