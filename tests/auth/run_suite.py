#!/usr/bin/env python3
"""Runs a folder of AWS's published SigV4 test vectors through `borealis auth verify`.

    python3 tests/auth/run_suite.py build/dev/borealis FOLDER [--changed-bytes N]

Knows both shapes: NAME.req with NAME.sreq and NAME.authz (the suite of the AWS documentation), and folders of request.txt, context.json,
header-signed-request.txt and query-signed-request.txt (that of aws-c-auth). Every case must pass. With --changed-bytes, N bytes of
each request are changed, one at a time, spread over path, query, signed headers, Authorization and body: each must be refused.
Exits 1 when anything was otherwise. The vectors are not part of the project; get them from their publishers.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

OLD_SUITE = {"credentials": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
             "region": "us-east-1", "service": "service", "timestamp": "2015-08-30T12:36:00Z"}


def verify(binary, request, context, *arguments, authorization=None):
    command = [binary, "auth", "verify", "--request", "-", "--context", context, *arguments]
    if authorization:
        command += ["--authorization-file", authorization]
    return subprocess.run(command, input=request, capture_output=True, check=False)


def token_of(request):
    for line in request.split(b"\n"):
        if line.lower().startswith(b"x-amz-security-token:"):
            return line.split(b":", 1)[1].strip().decode()
    return ""


def cases(folder, scratch):
    """(name, request, context file, arguments, file of the Authorization value or None)"""
    for context in sorted(folder.rglob("context.json")):
        for form in ("header", "query"):
            request = context.parent / f"{form}-signed-request.txt"
            if request.exists():
                yield f"{context.parent.name}/{form}", request.read_bytes(), context, ["--presigned"] if form == "query" else [], None
    for number, path in enumerate(sorted(folder.rglob("*.sreq"))):
        # One .sreq of the published suite has the signature of another case: the .authz is what counts.
        lines = [l for l in path.read_bytes().split(b"\n") if not l.lower().startswith(b"authorization:")]
        authorization = path.with_suffix(".authz")
        lines.insert(1, b"Authorization: " + authorization.read_bytes().strip())
        context = scratch / f"{number}.json"
        signed = b"\n".join(lines)
        context.write_text(json.dumps({**OLD_SUITE, "credentials": {**OLD_SUITE["credentials"], "token": token_of(signed)}}))
        yield path.stem, signed, context, [], None
        yield path.stem + "/authz", b"\n".join(lines[:1] + lines[2:]), context, [], authorization


def changed(request, names, count):
    """The request with one byte changed, at `count` places that are signed or part of the signature."""
    head, blank, body = request.partition(b"\n\n")
    places = list(range(len(head) + len(blank), len(request)))
    at = 0
    for index, line in enumerate(head.split(b"\n")):
        name = line.split(b":", 1)[0].lower()
        if index == 0:
            places += range(at, at + line.rindex(b" "))
        elif name in names or name in (b"authorization", b"x-amz-security-token"):
            value = at + len(name) + 1
            places += [p for p in range(value, at + len(line)) if request[p:p + 1] not in b" \t"]
        at += len(line) + 1
    places.sort()
    for place in places[:: max(1, len(places) // count)] if count else []:
        yield place, request[:place] + bytes([request[place] ^ 1]) + request[place + 1:]


def signed_names(request):
    text = request.split(b"SignedHeaders=", 1)[-1]
    return [n.encode() for n in text.split(b",")[0].split(b"&")[0].split(b" ")[0].decode(errors="replace").replace("%3B", ";").split(";")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--changed-bytes", type=int, default=0)
    options = parser.parse_args()
    passed = refused = 0
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, request, context, arguments, authorization in cases(options.folder, pathlib.Path(scratch)):
            done = verify(options.binary, request, context, *arguments, authorization=authorization)
            if done.returncode != 0:
                wrong.append(f"{name}: {done.stderr.decode().strip()}")
                continue
            passed += 1
            if authorization:
                continue
            for place, other in changed(request, signed_names(request), options.changed_bytes):
                if verify(options.binary, other, context, *arguments).returncode != 1:
                    wrong.append(f"{name}: byte {place} changed from {request[place:place + 1]} to {other[place:place + 1]} and not refused")
                else:
                    refused += 1
    print(f"{passed} requests verified, {refused} changed ones refused, {len(wrong)} wrong")
    for line in wrong:
        print(line)
    return 1 if wrong or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
