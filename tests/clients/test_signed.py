"""[[key]]: with keys in the configuration every request's signature is verified, in AWS's words (R-10.30 to R-10.36)."""
import datetime
import json
import os
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import Server, both_databases_config, databases  # noqa: E402

import boto3  # noqa: E402
import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.config  # noqa: E402
import botocore.credentials  # noqa: E402
import botocore.exceptions  # noqa: E402

ID, SECRET = "AKIABOREALISTEST0001", "right+secret/0123456789abcdefghijklmnopq"
MAY = 'managed_policies = ["AdministratorAccess"]\n'
KEYS = (f'[[key]]\nid = "{ID}"\nsecret = "text:{SECRET}"\n{MAY}'
        f'[[key]]\nid = "AKIABOREALISTEST0002"\nsecret = "env:BOREALIS_SECOND_KEY"\n{MAY}')
MISMATCH = ("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing "
            "method. Consult the service documentation for details.")


def setUpModule():
    global server, database, environment
    environment = dict(os.environ, BOREALIS_SECOND_KEY="second-secret")
    server = Server(both_databases_config() + KEYS, environment=environment).start()
    database = databases()["postgresql"]


def tearDownModule():
    server.stop()


def target():
    return {"resourceArn": database.arn, "secretArn": database.secret, "sql": "SELECT 1"}


def client(key=ID, secret=SECRET, service="rds-data", token=None, region="us-east-1"):
    return boto3.client(service, endpoint_url=server.url, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret,
                        aws_session_token=token, config=botocore.config.Config(retries={"max_attempts": 0}))


class Signed(unittest.TestCase):
    maxDiff = None

    def signed(self, body=None, key=ID, secret=SECRET, service="rds-data", signer=botocore.auth.SigV4Auth, url="/Execute"):
        body = json.dumps(target()).encode() if body is None else body
        request = botocore.awsrequest.AWSRequest("POST", server.url + url, data=body, headers={"Content-Type": "application/json"})
        signer(botocore.credentials.Credentials(key, secret), service, "us-east-1").add_auth(request)
        return request.prepare()

    def send(self, prepared, body=None, headers=None, without=(), url=None):
        sent = {k: v.decode() if isinstance(v, bytes) else v for k, v in prepared.headers.items() if k.lower() not in without}
        sent.update(headers or {})
        asked = urllib.request.Request(url or prepared.url, data=body or prepared.body, headers=sent, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return answer.status, None, json.loads(answer.read())
        except urllib.error.HTTPError as e:
            return e.code, e.headers["x-amzn-ErrorType"], json.loads(e.read())

    def at(self, when):
        """Signs as of `when`: botocore's signer reads the clock in one place."""
        class Skewed(botocore.auth.SigV4Auth):
            def add_auth(self, request):
                request.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")
                self._modify_request_before_signing(request)
                text = self.string_to_sign(request, self.canonical_request(request))
                self._inject_signature_to_request(request, self.signature(text, request))
        return self.send(self.signed(signer=Skewed))

    def test_the_right_key_passes(self):
        self.assertEqual(client().execute_statement(**target())["records"], [[{"longValue": 1}]])
        self.assertEqual(client("AKIABOREALISTEST0002", "second-secret").execute_statement(**target())["records"], [[{"longValue": 1}]])
        self.assertEqual(self.send(self.signed())[0], 200)
        begun = client().begin_transaction(resourceArn=database.arn, secretArn=database.secret)["transactionId"]
        client().rollback_transaction(resourceArn=database.arn, secretArn=database.secret, transactionId=begun)

    def test_secrets_manager_is_signed_for_its_own_service(self):
        self.assertIn("SecretList", client(service="secretsmanager").list_secrets())
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            client(secret="wrong", service="secretsmanager").list_secrets()
        self.assertEqual(raised.exception.response["Error"]["Code"], "InvalidSignatureException")

    def refused(self, code, message, **credentials):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            client(**credentials).execute_statement(**target())
        error = raised.exception.response
        self.assertEqual((error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]), (403, code, message))

    def test_wrong_secret_r_10_32(self):
        self.refused("InvalidSignatureException", MISMATCH, secret="wrong")
        self.refused("InvalidSignatureException", MISMATCH, key="AKIABOREALISTEST0002")
        self.refused("InvalidSignatureException", MISMATCH, secret=" ")

    def test_unknown_key_and_token_r_10_31(self):
        unknown = "The security token included in the request is invalid."
        self.refused("UnrecognizedClientException", unknown, key="AKIANOBODY")
        self.refused("UnrecognizedClientException", unknown, key=ID.lower())
        self.refused("UnrecognizedClientException", unknown, token="a-token")

    def test_another_region_r_10_35(self):
        self.refused("InvalidSignatureException", "Credential should be scoped to a valid region.", region="eu-central-1")

    def test_altered_request_r_10_32(self):
        self.assertEqual(self.send(self.signed(), body=json.dumps({**target(), "sql": "SELECT 2"}).encode()),
                         (403, "InvalidSignatureException", {"message": MISMATCH}))
        self.assertEqual(self.send(self.signed(url="/Execute"), url=server.url + "/BeginTransaction")[:2], (403, "InvalidSignatureException"))
        self.assertEqual(self.send(self.signed(), url=server.url + "/Execute?a=b")[:2], (403, "InvalidSignatureException"))
        self.assertEqual(self.send(self.signed(), headers={"Content-Type": "text/plain"})[:2], (403, "InvalidSignatureException"))
        self.assertEqual(self.send(self.signed(), headers={"X-Amz-Target": "secretsmanager.ListSecrets"})[0], 403)  # not signed
        # The hash the caller claims is not believed.
        claimed = self.send(self.signed(body=b"{}"), body=json.dumps(target()).encode(), headers={"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"})
        self.assertEqual(claimed[0], 403)

    def test_skewed_clock_r_10_33_and_34(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertEqual(self.at(now)[0], 200)
        self.assertEqual(self.at(now - datetime.timedelta(minutes=4))[0], 200)
        self.assertEqual(self.at(now + datetime.timedelta(minutes=4))[0], 200)
        old, new = now - datetime.timedelta(minutes=6), now + datetime.timedelta(minutes=6)
        status, kind, body = self.at(old)
        self.assertEqual((status, kind), (403, "InvalidSignatureException"))
        self.assertRegex(body["message"], rf"^Signature expired: {old:%Y%m%dT%H%M%SZ} is now earlier than \d{{8}}T\d{{6}}Z \(\d{{8}}T\d{{6}}Z - 5 min\.\)$")
        status, kind, body = self.at(new)
        self.assertEqual((status, kind), (403, "InvalidSignatureException"))
        self.assertRegex(body["message"], rf"^Signature not yet current: {new:%Y%m%dT%H%M%SZ} is still later than \d{{8}}T\d{{6}}Z \(\d{{8}}T\d{{6}}Z \+ 5 min\.\)$")

    def test_wrong_service_r_10_35(self):
        self.assertEqual(self.send(self.signed(service="s3")),
                         (403, "InvalidSignatureException", {"message": "Credential should be scoped to correct service: 'rds-data'."}))

    def test_without_header_presigned_or_malformed_r_10_30_and_36(self):
        missing = (403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"})
        self.assertEqual(self.send(self.signed(), without=("authorization",)), missing)
        presigned = self.signed(signer=botocore.auth.SigV4QueryAuth)
        self.assertEqual(self.send(presigned, body=b"{}"), missing)
        for header in ("AWS4-HMAC-SHA256", f"AWS4-HMAC-SHA256 Credential={ID}/20260101/us-east-1/rds-data/aws4_request", "Basic dGVzdDp0ZXN0",
                       "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", "," * 2000):
            status, kind, body = self.send(self.signed(), headers={"Authorization": header})
            self.assertIn(status, (400, 403), header)
            self.assertIn(kind, ("IncompleteSignatureException", "MissingAuthenticationTokenException"), header)
            self.assertNotIn(SECRET, json.dumps(body))
        status, kind, body = self.send(self.signed(), headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={ID}/20260101/us-east-1/rds-data/aws4_request, SignedHeaders=host"})
        self.assertEqual(kind, "IncompleteSignatureException")
        self.assertIn("Authorization header requires 'Signature' parameter.", body["message"])

    def test_unknown_paths_are_for_callers_only(self):
        self.assertEqual(self.send(self.signed(), without=("authorization",), url=server.url + "/Nothing")[0], 403)
        self.assertEqual(self.send(self.signed(url="/Nothing"))[:2], (404, "UnknownOperationException"))

    def test_no_secret_in_the_log(self):
        self.assertNotIn(SECRET, server.text())
        self.assertNotIn("second-secret", server.text())


class Configuration(unittest.TestCase):
    def starts_not(self, config, *arguments, says, **more):
        with self.assertRaises(AssertionError) as raised:
            Server(config, *arguments, **more).start()
        self.assertRegex(str(raised.exception), says)

    def test_a_key_without_a_secret_is_none(self):
        for secret in ('""', '"text:"', '"env:BOREALIS_EMPTY"'):
            self.starts_not(f'[[key]]\nid = "A"\nsecret = {secret}\n', says=r"borealis\.toml:1:1: key `A` needs a `secret` that is not empty",
                            environment={**environment, "BOREALIS_EMPTY": ""})

    def test_one_key_twice(self):
        self.starts_not('[[key]]\nid = "A"\nsecret = "x"\n[[key]]\nid = "A"\nsecret = "y"\n', says=r"borealis\.toml:4:1: there is a \[\[key\]\] `A` already")
        self.starts_not('[[secret]]\nname = "a"\nusername = "u"\n[[secret]]\nname = "a"\nusername = "u"\n',
                        says=r"borealis\.toml:4:1: there is a \[\[secret\]\] `a` already")

    def test_other_addresses_still_need_no_tls(self):
        self.starts_not(KEYS, "--listen", "0.0.0.0:0", environment=environment, says="--insecure-no-tls")
        with Server(KEYS, "--listen", "0.0.0.0:0", "--insecure-no-tls", environment=environment) as other:
            self.assertIn("WARNING: 0.0.0.0 can be reached from other machines, and nothing is encrypted.", other.text())
        with Server("", "--listen", "0.0.0.0:0", "--insecure-no-tls", "--insecure-no-auth") as other:
            self.assertIn("callers are not authenticated", other.text())


if __name__ == "__main__":
    unittest.main()
