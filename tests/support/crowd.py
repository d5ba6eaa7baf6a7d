"""Many clients at once on one event loop, each with a connection of its own that it keeps."""
import asyncio
import json
import time

from running import AUTHORIZATION


class Client:
    """`status, error type, body = await client.call("Execute", sql=…)`; `members` go with each call."""

    def __init__(self, server, **members):
        self.port, self.members, self.streams = server.port, members, None

    async def call(self, operation, **members):
        body = json.dumps({**self.members, **members}).encode()
        request = (f"POST /{operation} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {AUTHORIZATION}\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        reader, writer = self.streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        answer = await reader.readexactly(int(fields["content-length"]))
        if fields.get("connection", "").lower() == "close":
            await self.close()
        return int(head[0].split(" ")[1]), fields.get("x-amzn-errortype"), json.loads(answer)

    async def timed(self, operation, **members):
        """The same, and the seconds it took in front."""
        began = time.monotonic()
        answer = await self.call(operation, **members)
        return (time.monotonic() - began, *answer)

    def vanish(self):
        """Hangs up without waiting for anything."""
        if self.streams is not None:
            self.streams[1].transport.abort()
        self.streams = None

    async def close(self):
        if self.streams is not None:
            self.streams[1].close()
            try:
                await self.streams[1].wait_closed()
            except OSError:
                pass
        self.streams = None


def percentile(values, which):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * which / 100))]
