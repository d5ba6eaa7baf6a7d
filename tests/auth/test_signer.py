"""Our signer and AWS's own, botocore's, make the same of the same random requests; and our verifier believes both."""
import base64
import datetime
import json
import os
import random
import string
import subprocess
import unittest
import urllib.parse
from pathlib import Path
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(os.environ.get("BOREALIS_BUILD", ROOT / "build" / "dev")) / "tests" / "sign_requests"
SEED = int(os.environ.get("BOREALIS_SIGNER_SEED", 5))
COUNT = int(os.environ.get("BOREALIS_SIGNER_COUNT", 10_000))
TEXTS = ["a", "B", "0", "-", "_", ".", "~", " ", "/", "%", "+", "&", "=", "?", "#", ":", "@", "!", "*", "'", "(", ")", ",", ";", "$", "\u00e9", "\u65e5", "\U0001f600", "..", "//"]


class Requests:
    def __init__(self, seed):
        self.chance = random.Random(seed)

    def text(self, most, of=TEXTS):
        return "".join(self.chance.choices(of, k=self.chance.randint(0, most)))

    def word(self, least, most, of=string.ascii_letters + string.digits):
        return "".join(self.chance.choices(of, k=self.chance.randint(least, most)))

    def next(self):
        """(AWSRequest, moment, access key, secret, token, region, service)"""
        chance = self.chance
        path = "".join("/" + chance.choice([urllib.parse.quote(self.text(5), safe=""), self.word(1, 8), ".", "..", "", "a%2Fb", "%7E"]) for _ in range(chance.randint(0, 5)))
        query = "&".join(urllib.parse.quote(self.text(3) or "x", safe="-_.~") + "=" + urllib.parse.quote(self.text(4), safe="-_.~") for _ in range(chance.choice([0, 0, 1, 2, 5])))
        host = chance.choice(["127.0.0.1:8080", "rds-data.us-east-1.amazonaws.com", "[::1]:8443", "localhost", "data.example.org:443"])
        url = f"{chance.choice(['http', 'https'])}://{host}{path or '/'}{'?' + query if query else ''}"
        request = botocore.awsrequest.AWSRequest(chance.choice(["POST", "GET", "PUT", "DELETE", "PATCH"]), url, data=chance.randbytes(chance.choice([0, 2, 60, 3000])))
        for _ in range(chance.randint(0, 5)):
            name = chance.choice(["Content-Type", "X-Amz-Target", "X-Custom-" + self.word(1, 5), "amz-sdk-request", "Accept", "Cache-Control", "x-amz-meta-a", "User-Agent", "Expect",
                                  "X-Amzn-Trace-Id", "Transfer-Encoding"])
            if name in ("User-Agent", "Expect", "X-Amzn-Trace-Id", "Transfer-Encoding") and name in request.headers:
                continue
            value = chance.choice(["", "application/json", "a,b", "  two   blanks  ", '"quoted  text"', "x" * 300, self.word(1, 20, string.printable[:95])])
            request.headers.add_header(name, value.strip() if chance.random() < 0.5 else value)
        moment = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=chance.randint(0, 2 * 10**9))
        token = chance.choice(["", "", self.word(20, 400, string.ascii_letters + "+/=")])
        return (request, moment, "AKIA" + self.word(12, 12), self.word(1, 60, string.ascii_letters + "+/="), token,
                chance.choice(["us-east-1", "eu-central-1", "us-gov-west-1"]), chance.choice(["rds-data", "rds", "secretsmanager", "sts", "lambda"]))


class Signer(unittest.TestCase):
    def test_both_sign_alike(self):
        made, lines, wanted = Requests(SEED), [], []
        for _ in range(COUNT):
            request, moment, key, secret, token, region, service = made.next()
            before = list(request.headers.items())
            with mock.patch("botocore.auth.get_current_datetime", lambda *_, m=moment, **__: m):
                botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret, token or None), service, region).add_auth(request)
            wanted.append(request.headers["Authorization"])
            parts = urllib.parse.urlsplit(request.url)
            headers = [list(one) for one in before] + [["Host", botocore.auth._host_from_url(request.url)], ["X-Amz-Date", request.headers["X-Amz-Date"]]]
            if token:
                headers.append(["X-Amz-Security-Token", token])
            lines.append(json.dumps({"method": request.method, "path": parts.path, "query": parts.query, "headers": headers,
                                     "body": base64.b64encode(request.body or b"").decode(), "region": region, "service": service, "id": key, "secret": secret,
                                     "at": int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())}))
        ran = subprocess.run([PROGRAM], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=300)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        answers = ran.stdout.splitlines()
        self.assertEqual(len(answers), 2 * COUNT)
        for i, (line, value) in enumerate(zip(lines, wanted, strict=True)):
            self.assertEqual(answers[2 * i], value, line)
            self.assertEqual(answers[2 * i + 1], "yes", line)


if __name__ == "__main__":
    unittest.main()
