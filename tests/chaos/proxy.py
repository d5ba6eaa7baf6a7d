"""A TCP proxy between Borealis and a database that spoils the conversation where it is told to.

A `Fault` waits for its moment: the nth piece of bytes in one direction, on any connection, counted from when it is set; with `when`, the
nth piece from the first one to the server for which `when(piece)` holds, on that one's connection; AT_CONNECT: the next connection, before
a byte has passed. What it then does to that connection:

    reset       both ends get a RST at once; the piece is not forwarded
    close       both ends are closed; the piece is not forwarded
    forward     the piece is forwarded, and then both ends are closed: the other side has acted, nobody hears of it
    half        the piece is forwarded, and the direction is shut down; the other one stays open
    tear        half of the piece is forwarded, then both ends are reset
    drip        from now on one byte at a time
    stall       nothing is forwarded any more, in either direction; the connection stays open
    delay       the piece waits for 0.3 s
"""
import contextlib
import socket
import struct
import threading
import time

TO_SERVER, TO_CLIENT, AT_CONNECT = "to the server", "to the client", "at connect"
KINDS = ("reset", "close", "forward", "half", "tear", "drip", "stall", "delay")


class Fault:
    def __init__(self, kind, direction, number, when=None):
        self.kind, self.direction, self.left, self.when = kind, direction, number, when
        self.link = None  # of which pieces are counted; none: all
        self.struck = threading.Event()


class Link:
    """One client connection and its connection to the server."""

    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = None
        self.lock = threading.Lock()
        self.stalled = self.dripping = False

    def meet(self, kind):
        """Carries out what strikes the connection itself; False: that was its end."""
        if kind in ("reset", "tear"):
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if kind in ("reset", "tear", "close", "forward"):
            self.client.close()
            return False
        if kind == "half":
            self.client.shutdown(socket.SHUT_WR)
        if kind == "delay":
            time.sleep(0.3)
        self.stalled, self.dripping = kind == "stall", kind == "drip"
        return True

    def run(self):
        while self.stalled and not self.proxy.closing and self.client.fileno() >= 0:
            time.sleep(0.02)
        try:
            self.server = socket.create_connection(("127.0.0.1", self.proxy.target), timeout=10)
            self.server.settimeout(None)
        except OSError:
            return self.end()
        threading.Thread(target=self.pump, args=(self.server, self.client, TO_CLIENT), daemon=True).start()
        self.pump(self.client, self.server, TO_SERVER)

    def pump(self, source, sink, direction):
        try:
            while data := source.recv(65536):
                if not self.pass_on(data, source, sink, direction):
                    return
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.end()

    def pass_on(self, data, source, sink, direction):
        kind = self.proxy.strikes(self, direction, data)
        if kind in ("reset", "tear"):
            if kind == "tear":
                sink.sendall(data[:max(1, len(data) // 2)])
                time.sleep(0.01)  # let it leave before the reset overtakes it
            self.end(reset=True)
            return False
        if kind == "close":
            self.end()
            return False
        if kind in ("forward", "half"):
            sink.sendall(data)
            if kind == "half":
                sink.shutdown(socket.SHUT_WR)
                return True
            time.sleep(0.05)  # the other side acts on it
            self.end()
            return False
        self.dripping |= kind == "drip"
        self.stalled |= kind == "stall"
        if kind == "delay":
            time.sleep(0.3)
        while self.stalled and not self.proxy.closing:
            time.sleep(0.02)
        if self.dripping:
            for i in range(len(data)):
                sink.sendall(data[i:i + 1])
        else:
            sink.sendall(data)
        return True

    def end(self, reset=False):
        with self.lock:
            for end in (self.client, self.server):
                if end is None:
                    continue
                with contextlib.suppress(OSError):
                    if reset:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        end.shutdown(socket.SHUT_RD)  # wakes who reads it: until then the kernel keeps it open
                    else:
                        end.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    end.close()


class Proxy:
    """`with Proxy(port_of_the_database) as proxy:` — connect to proxy.port."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.refusing = self.closing = False
        self.links = []
        self.fault = None
        self.lock = threading.Lock()

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut_all()

    def accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.refusing:
                client.close()
                continue
            link = Link(self, client)
            if not link.meet(self.strikes(link, AT_CONNECT, b"")):
                continue
            with self.lock:
                self.links = [each for each in self.links if each.client.fileno() >= 0] + [link]
            threading.Thread(target=link.run, daemon=True).start()

    def set(self, kind, direction, number=1, when=None):
        self.fault = Fault(kind, direction, number, when)
        return self.fault

    def strikes(self, link, direction, data):
        """The kind of the fault that strikes this piece, or None."""
        with self.lock:
            fault = self.fault
            if fault is None:
                return None
            if fault.when is not None and fault.link is None and direction == TO_SERVER and fault.when(data):
                fault.link = link
            if fault.direction != direction or (fault.when is not None and fault.link is not link):
                return None
            fault.left -= 1
            if fault.left > 0:
                return None
            self.fault = None
            fault.struck.set()
            return fault.kind

    def cut_all(self, reset=False):
        with self.lock:
            links, self.links = self.links, []
        for each in links:
            each.end(reset)

    def release(self):
        """Ends what stalls."""
        self.fault = None
        for each in list(self.links):
            if each.stalled or each.dripping:
                each.end(reset=True)
