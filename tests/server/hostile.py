"""Requests that no server should take: a generator, the same for the same seed.

Each is the bytes of one connection. Every kind begins with a request that the server would take, which would then draw a number
from a sequence in the database, and spoils it in a way that its rules say must be refused: so whatever is taken in spite of it is
seen there.
"""
import json


class Hostile:
    """One connection's worth. `whole`: the client has said all and waits; otherwise it also ends its side."""

    def __init__(self, kind, data, whole=True, answered=True):
        self.kind, self.data, self.whole = kind, data, whole
        self.answered = answered  # an answer is owed: it must be 4xx or 5xx; else a closed connection will do as well


class Generator:
    def __init__(self, chance, host, authorization, members):
        """@param members  Of an ExecuteStatement that would leave a trace."""
        self.chance, self.host, self.authorization, self.members = chance, host, authorization, members
        self.body = json.dumps(members).encode()

    # --- pieces

    def head(self, *extra, line="POST /Execute HTTP/1.1", host=True, authorization=True, length=None):
        lines = [line]
        if host:
            lines.append(f"Host: {self.host}")
        if authorization:
            lines.append(f"Authorization: {self.authorization}")
        lines += extra
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def with_body(self, body, *extra, **more):
        return self.head(*extra, length=len(body), **more) + body

    def pick(self, *choice):
        return self.chance.choice(choice)

    def number(self, least, most):
        return self.chance.randint(least, most)

    def bytes(self, least, most):
        return self.chance.randbytes(self.number(least, most))

    def chunked(self, *chunks, extra=()):
        return self.head("Transfer-Encoding: chunked", *extra) + b"".join(chunks)

    # --- kinds; each returns bytes, or (bytes, whether an answer is owed)

    def truncated(self):
        request = self.with_body(self.body)
        return request[:self.number(1, len(request) - 1)], False

    def truncated_chunks(self):
        half = len(self.body) // 2
        request = self.chunked(b"%x\r\n%s\r\n" % (half, self.body[:half]), b"%x\r\n%s\r\n" % (len(self.body) - half, self.body[half:]), b"0\r\n\r\n")
        return request[:self.number(1, len(request) - 1)], False

    def random_bytes(self):
        data = self.bytes(1, 3000)
        return data + b"\r\n\r\n", False

    def flipped(self):
        """One byte of the request line or of a header's name, made one that cannot be there."""
        request = bytearray(self.with_body(self.body))
        ends = request.index(b"\r\n")
        at = self.number(0, ends - 1)
        request[at] = self.pick(0, 1, 8, 11, 12, 27, 127, 128, 255)
        return bytes(request)

    def two_lengths(self):
        n = len(self.body)
        other = self.pick(0, 1, n - 1, n + 1, n, n * 10)
        return self.with_body(self.body, f"Content-Length: {other}") + self.with_body(self.body)

    def length_and_chunked(self):
        return self.with_body(b"0\r\n\r\n" + self.with_body(self.body), self.pick("Transfer-Encoding: chunked", "transfer-encoding: CHUNKED", "Transfer-Encoding:chunked"))

    def other_coding(self):
        coding = self.pick("gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked", "chunked;q=1", "\x0bchunked",
                           "chunked\x00", ",chunked", "", "deflate", "'chunked'", "chunked x", "chun ked")
        return self.head(f"Transfer-Encoding: {coding}") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)

    def two_codings(self):
        return self.head("Transfer-Encoding: chunked", self.pick("Transfer-Encoding: chunked", "Transfer-Encoding: identity")) + \
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)

    def wrong_length(self):
        length = self.pick("-1", "+5", "0x10", "1e3", "5, 5", "5 5", "", "99999999999999999999999", "18446744073709551616", "1.0", "\u00b25",
                           "٣".encode().decode("latin-1"), f"{len(self.body)};", "NaN", "4194305", "9223372036854775807")
        return self.head(f"Content-Length: {length}") + self.body

    def http_1_0_chunked(self):
        return self.head("Transfer-Encoding: chunked", line="POST /Execute HTTP/1.0") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)

    def chunk_games(self):
        size = b"%x" % len(self.body)
        bad = self.pick(b"-" + size, b"+" + size, b"0x" + size, size + b" ", b" " + size, size + b"\t;a", b"g", b"", b"ffffffffffffffff", b"fffffffffffffffff",
                        b"0" * 40 + size, size + b";" + b"a" * 400, b"400001", size + b"\x00", size + b"\n", size + b"\r", b";" + size)
        return self.chunked(bad + b"\r\n" + self.body + b"\r\n0\r\n\r\n"), False

    def chunk_longer_than_said(self):
        return self.chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (max(1, len(self.body) - self.number(1, 20)), self.body))

    def many_small_chunks(self):
        """Their framing counts as well: this one is more of it than the limit of headers."""
        return self.chunked(b"".join(b"1;%s\r\n \r\n" % (b"x" * 200) for _ in range(300)), b"0\r\n\r\n")

    def trailers(self):
        bad = self.pick(b"X" * 40_000 + b": 1\r\n", b"no colon\r\n", b" folded: 1\r\n", b"a: 1\n", b"a\x00: 1\r\n", b"".join(b"X-%d: 1\r\n" % i for i in range(200)))
        return self.chunked(b"%x\r\n%s\r\n0\r\n" % (len(self.body), self.body), bad, b"\r\n")

    def bare_line_ends(self):
        request = self.with_body(self.body)
        head, _, body = request.partition(b"\r\n\r\n")
        end = self.pick(b"\n", b"\r", b"\n\r", b"\r\r\n")
        return head.replace(b"\r\n", end) + self.pick(end + end, b"\r\n\r\n") + body, False

    def folded(self):
        return self.with_body(self.body, "X-A: 1", self.pick(" folded", "\tfolded: 2", " Content-Length: 3"))

    def header_name(self):
        name = self.pick("X A", "X-A ", "X(A)", "", "X\x00A", "X\x7fA", "X\xe9", '"X"', "X\tA", " X", "X/A", "{X}")
        return self.with_body(self.body, f"{name}: 1")

    def header_value(self):
        return self.with_body(self.body, "X-A: a" + self.pick("\x00", "\x01", "\x08", "\x0b", "\x7f", "\x1b[31m") + "b")

    def long_header(self):
        return self.with_body(self.body, "X-Long: " + "a" * self.number(40_000, 200_000))

    def many_headers(self):
        return self.with_body(self.body, *(f"X-{i}: {i}" for i in range(self.number(120, 1500))))

    def long_target(self):
        return self.with_body(self.body, line=f"POST /{'a' * self.number(9_000, 60_000)} HTTP/1.1")

    def endless_line(self):
        return b"P" * self.number(40_000, 100_000)

    def target(self):
        target = self.pick("Execute", "*", "http://evil.example/Execute", "https:/Execute", "/Exe cute", "/Execute\t", "\\Execute", "/Execute#a", "http://",
                           "//Execute\x00", "/Ex\xe9cute", "ftp://127.0.0.1/Execute", "/Execut%", "/execute", "/Execute/x", "/../Execute", "/./Execute",
                           "/%45xecute", "//Execute", "/Execute//", "/Execute;a=b", "/ExecuteStatement", "/BatchExecut", "/Execute\u00a0")
        return self.with_body(self.body, line=f"POST {target} HTTP/1.1")

    def method(self):
        return self.with_body(self.body, line=self.pick("GET", "PUT", "post", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "P\xd6ST", "HEAD")
                              + " /Execute HTTP/1.1")

    def version(self):
        return self.with_body(self.body, line="POST /Execute " + self.pick("HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "http/1.1", "HTTP/1.1 x", "HTTP/11", "HTTP/1,1",
                                                                           "HTTP/1", "", "HTTP/3.0", "HTCPCP/1.0", "HTTP/1.1\x00", "HTTP/-1.1"))

    def hosts(self):
        return self.pick(self.with_body(self.body, host=False), self.with_body(self.body, "Host: evil.example"), self.with_body(self.body, f"Host: {self.host}"),
                         *(self.with_body(self.body, f"Host: {h}", host=False)
                           for h in ("", "evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "evil.example:80", "127.0.0.1:99999999", "[::1",
                                     "localhost.", "a b", "127.0.0.1/", "xn--", "0x7f.1", "192.0.2.1", "\xff", "127.1.evil", "user@localhost", "[fe80::1%25lo]")))

    def no_credentials(self):
        return self.with_body(self.body, *self.pick((), ("Authorization:",), ("Authorization: Basic dGVzdDp0ZXN0",), ("X-Authorization: " + self.authorization,),
                                                    ("Proxy-Authorization: " + self.authorization,)), authorization=False)

    def of_a_page(self):
        return self.with_body(self.body, self.pick("Origin: http://evil.example", "Origin: null", "Origin: https://127.0.0.1.evil.example", "Origin:",
                                                   "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "origin: file://"))

    def expectation(self):
        return self.with_body(self.body, "Expect: " + self.pick("magic", "100-continue, magic", "200-ok", ""))

    def preface(self):
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.bytes(0, 200)

    def other_protocol(self):
        return self.pick(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self.bytes(50, 500), b"SSH-2.0-OpenSSH_9.2\r\n", b"EHLO mail.example\r\n",
                         b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"*1\r\n$4\r\nPING\r\n", b"GET /\r\n", b"\x03\x00\x00\x13\x0e\xe0", b"\r\n\r\nUSER anonymous\r\n",
                         b"POST /Execute\r\n\r\n") + b"\r\n\r\n", False

    def too_large(self):
        length = self.number(4 * 1024 * 1024 + 1, 2**62)
        return self.head(length=length) + self.body

    def pipelined_behind_a_refusal(self):
        """What follows a request whose end is not known must not be read as one."""
        return self.head("Content-Length: x") + self.body + self.with_body(self.body) * self.number(1, 5)

    # --- bodies

    def altered(self, **members):
        made = {**self.members, **members}
        return self.with_body(json.dumps({k: v for k, v in made.items() if v is not ...}).encode())

    def broken_json(self):
        body = self.pick(self.body[:-1], self.body + b"x", self.body + self.body, b"", b"[]", b"null", b'"x"', b"7", b"{", b"}", b"[" * 100, self.body.replace(b":", b"=", 1),
                         self.body.replace(b'"', b"'"), self.body[:-1] + b",}", b"\xef\xbb\xbf" + self.body, self.body.replace(b"{", b"{/**/", 1), self.body + b"\0",
                         self.body[:-1] + b',"a":NaN}', self.body[:-1] + b',"a":01}', self.body[:-1] + b',"a":1.}', self.body[:-1] + b',"a":tru}',
                         self.body[:-1] + b',"a":+1}', self.body[:-1] + b',"a":.5}', self.body[:-1] + b',"a":0x1}', self.body[:-1] + b',"a":Infinity}')
        return self.with_body(body)

    def invalid_utf_8(self):
        bad = self.pick(b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80", b"\xf0\x82\x82\xac", b"\xc1\xbf", b"\xfe\xfe\xff\xff",
                        b"\\ud800", b"\\udc00\\ud800", b"\\u12", b"\\x41", b"\x01", b"\n", b"\t", b"\\")
        return self.with_body(self.body.replace(b"SELECT", b"SELECT" + bad, 1))

    def deep(self):
        depth = self.number(70, 100_000)
        return self.with_body(self.body[:-1] + b',"ignored":' + self.pick(b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth) + b"}")

    def huge_numbers(self):
        number = self.pick("9223372036854775808", "-9223372036854775809", "1" * self.number(20, 5000), "1e5", "1.0", "1.5", "-1e-400", "1e400", "0." + "0" * 3000 + "1")
        body = json.dumps({**self.members, "parameters": [{"name": "a", "value": {"longValue": 7}}]}).replace("7}", number + "}")
        return self.with_body(body.encode())

    def wrong_types(self):
        value = self.pick(1, 1.5, True, None, [], {}, ["x"], {"a": 1})
        member = self.pick("resourceArn", "secretArn", "sql") if value is None else \
            self.pick("resourceArn", "secretArn", "sql", "database", "schema", "transactionId", "formatRecordsAs", "resultSetOptions", "parameters")
        if member == "resultSetOptions" and isinstance(value, dict) or member == "parameters" and value == []:
            value = 1
        return self.altered(**{member: value})

    def missing_members(self):
        return self.altered(**{self.pick("resourceArn", "secretArn", "sql"): self.pick(..., "")})

    def wrong_parameters(self):
        one = self.pick({"value": {"longValue": 1}}, {"name": "a"}, {"name": "a", "value": {}}, {"name": "a", "value": {"longValue": 1, "stringValue": "x"}},
                        {"name": "a", "value": {"isNull": False}}, {"name": "a", "value": {"blobValue": "!"}}, {"name": "a", "value": {"arrayValue": {"longValues": [1]}}},
                        {"name": "a b", "value": {"longValue": 1}}, {"name": "a'", "value": {"longValue": 1}}, {"name": 1, "value": {"longValue": 1}},
                        {"name": "a", "value": {"longValue": "1"}}, {"name": "a", "value": {"booleanValue": "true"}}, {"name": "a", "value": {"stringValue": 1}},
                        {"name": "a", "value": {"stringValue": "x"}, "typeHint": "DATE"}, {"name": "a", "value": {"stringValue": "x"}, "typeHint": "EVIL"}, 1, None, "x", [])
        return self.altered(parameters=[one])

    def wrong_arn(self):
        arn = self.pick("x", "arn:aws:rds:us-east-1:123456789012:cluster:none", "arn:aws:rds:::cluster:", "../../etc/passwd", "a" * 571, "'; SELECT 1 --",
                        "arn:aws:s3:::bucket", "\u202e" * 20, "arn:aws:rds:us-east-1:123456789012:cluster:" + "x" * 400, "\0" * 20)
        return self.altered(**{self.pick("resourceArn", "secretArn"): arn})

    def several_statements(self):
        return self.altered(sql=self.members["sql"] + self.pick("; ", ";/**/", ";;\n", "; -- a\n") + self.members["sql"])

    def too_long_sql(self):
        return self.altered(sql=self.members["sql"] + " " * self.number(65_536, 200_000))

    def unknown_transaction(self):
        return self.altered(transactionId=self.pick("x", "A" * 184, "A" * 193, "../", "\u00e9" * 50, "AAAA====", "'; --"))

    def many_values(self):
        """A body of the size allowed, of values of two bytes."""
        return self.with_body(b'{"a":[' + b"1," * self.number(600_000, 2_000_000) + b"1]}")

    KINDS = {name: 1.0 for name in (
        "truncated truncated_chunks random_bytes flipped two_lengths length_and_chunked other_coding two_codings wrong_length http_1_0_chunked chunk_games "
        "chunk_longer_than_said trailers bare_line_ends folded header_name header_value target method version hosts no_credentials of_a_page expectation preface "
        "other_protocol too_large pipelined_behind_a_refusal broken_json invalid_utf_8 huge_numbers wrong_types missing_members wrong_parameters wrong_arn "
        "several_statements unknown_transaction").split()} | {
        "many_small_chunks": 0.1, "long_header": 0.1, "many_headers": 0.2, "long_target": 0.2, "endless_line": 0.2, "deep": 0.1, "too_long_sql": 0.1, "many_values": 0.01}

    def messages(self, count):
        names, weights = list(self.KINDS), list(self.KINDS.values())
        # Each kind at least once, whatever the chance.
        chosen = names + self.chance.choices(names, weights, k=count - len(names))
        self.chance.shuffle(chosen)
        for kind in chosen:
            made = getattr(self, kind)()
            data, answered = made if isinstance(made, tuple) else (made, True)
            yield Hostile(kind, data, answered=answered)
