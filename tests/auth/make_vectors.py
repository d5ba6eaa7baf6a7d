#!/usr/bin/env python3
"""Writes vectors.json: requests signed by botocore, for signature_test.cpp to sign and verify again.

Run by hand (pip install botocore; python3 make_vectors.py > vectors.json) when a case is added; the file is checked in.
"""
import datetime
import json
import sys
from unittest import mock

import botocore
import botocore.auth
import botocore.awsrequest
import botocore.credentials

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2019, 12, 3, 10, 15, 0)
HOST = "http://127.0.0.1:8080"
JSON = ("Content-Type", "application/json")


def case(name, url, headers=(), body="", method="POST", service="rds-data", region="us-east-1", token=""):
    return dict(name=name, url=url, headers=headers, body=body, method=method, service=service, region=region, token=token)


CASES = [
    case("execute", HOST + "/Execute", [JSON], '{"sql":"SELECT 1"}'),
    case("execute with a token", HOST + "/Execute", [JSON], '{"sql":"SELECT 1"}', token="SESSIONTOKEN"),
    case("token of base64", HOST + "/Execute", [JSON], "{}", token="IQoJb3JpZ2luX2VjE//+==/abc+def=="),
    case("batch", HOST + "/BatchExecute", [JSON], '{"sql":"INSERT","parameterSets":[]}'),
    case("begin", HOST + "/BeginTransaction", [JSON], "{}", region="eu-central-1"),
    case("commit", HOST + "/CommitTransaction", [JSON], "{}", region="ap-southeast-2"),
    case("roll back", HOST + "/RollbackTransaction", [JSON], "{}", region="us-gov-west-1"),
    case("no port", "https://rds-data.us-east-1.amazonaws.com/Execute", [JSON], "{}"),
    case("port of https", "https://rds-data.us-east-1.amazonaws.com:443/Execute", [JSON], "{}"),
    case("port of another scheme", "https://db.example.org:8443/Execute", [JSON], "{}"),
    case("IPv6 host", "http://[::1]:8080/Execute", [JSON], "{}"),
    case("base path", HOST + "/prefix/of/ours/Execute", [JSON], "{}"),
    case("trailing slash", HOST + "/Execute/", [JSON], "{}"),
    case("empty path", HOST, [JSON], "{}"),
    case("root", HOST + "/", [JSON], "{}"),
    case("repeated slashes", HOST + "//a///b//", [], ""),
    case("dot segments", HOST + "/a/./b/../c", [], ""),
    case("dots above the root", HOST + "/../../a", [], ""),
    case("dots to the root", HOST + "/a/..", [], ""),
    case("Unicode path, encoded", HOST + "/caf%C3%A9/%E6%97%A5%E6%9C%AC", [], "", "GET"),
    case("blank in the path, encoded", HOST + "/a%20b", [], "", "GET"),
    case("reserved characters in the path", HOST + "/a:b@c!d$e&f'g(h)i*j+k,l;m=n", [], "", "GET"),
    case("unreserved characters in the path", HOST + "/A-z_0.9~", [], "", "GET"),
    case("ARN in the path", HOST + "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aemployee/invocations?Qualifier=%24LATEST",
         [("X-Amz-Invocation-Type", "RequestResponse")], service="lambda"),
    case("query out of order", HOST + "/?b=2&a=1&c=3", [], "", "GET"),
    case("query name twice", HOST + "/?a=2&a=1&a=10", [], "", "GET"),
    case("query without a value", HOST + "/?flag&empty=&a=b", [], "", "GET"),
    case("query of blanks and slashes", HOST + "/?path=a%2Fb%20c&x=%C3%BC", [], "", "GET"),
    case("query name is a prefix of another", HOST + "/?ab=1&a-b=2&a=3", [], "", "GET"),
    case("query value with an equals sign, encoded", HOST + "/?a=b%3Dc", [], "", "GET"),
    case("secret", HOST + "/", [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "secretsmanager.GetSecretValue")],
         '{"SecretId":"demo"}', service="secretsmanager"),
    case("control plane", HOST + "/", [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
         "Action=DescribeDBClusters&Version=2014-10-31", service="rds"),
    case("repeated header", HOST + "/Execute", [("X-Many", "b"), ("X-Many", "a"), ("X-Many", "b")], "{}"),
    case("blanks in a header", HOST + "/Execute", [("X-Blank", "  a   b  \t c  ")], "{}"),
    case("quoted blanks in a header", HOST + "/Execute", [("X-Blank", '"a   b"')], "{}"),
    case("empty header", HOST + "/Execute", [("X-Empty", "")], "{}"),
    case("header names out of order", HOST + "/Execute", [("X-B", "1"), ("A", "2"), ("X-A-B", "3"), ("X-A", "4")], "{}"),
    case("headers that are never signed", HOST + "/Execute",
         [JSON, ("User-Agent", "aws-cli/2"), ("Expect", "100-continue"), ("X-Amzn-Trace-Id", "Root=1")], "{}"),
    case("SDK's own headers", HOST + "/Execute",
         [JSON, ("amz-sdk-invocation-id", "8f3c"), ("amz-sdk-request", "attempt=1"), ("X-Amz-User-Agent", "aws-sdk-js/3")], "{}"),
    case("body in UTF-8", HOST + "/Execute", [JSON], '{"sql":"SELECT \'日本 é 😀\'"}'),
    case("body of control characters", HOST + "/Execute", [], "\x01\n\r\t\x7f"),
    case("long body", HOST + "/Execute", [JSON], "x" * 5000),
]


def sign(one):
    request = botocore.awsrequest.AWSRequest(method=one["method"], url=one["url"], data=one["body"].encode())
    for name, value in one["headers"]:
        request.headers.add_header(name, value)
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET, one["token"] or None), one["service"], one["region"])
    with mock.patch("botocore.auth.get_current_datetime", create=True, return_value=NOW):
        signer.add_auth(request)
    rest = one["url"].split("://", 1)[1]
    authority, slash, target = rest.partition("/")
    path, _, query = (slash + target).partition("?")
    headers = [[name, value] for name, value in request.headers.items()]
    if not any(name.lower() == "host" for name, _ in headers):
        scheme_port = {"https": ":443", "http": ":80"}[one["url"].split(":")[0]]
        headers.append(["Host", authority.removesuffix(scheme_port)])
    return dict(name=one["name"], method=one["method"], path=path, query=query, headers=headers, body=one["body"],
                service=one["service"], region=one["region"], token=one["token"])


if __name__ == "__main__":
    cases = [sign(one) for one in CASES]
    for one in cases:
        assert "20191203T101500Z" in dict(one["headers"])["X-Amz-Date"], "the clock was not replaced: adapt the mock"
    print(f"{len(cases)} cases, botocore {botocore.__version__}", file=sys.stderr)
    json.dump(cases, sys.stdout, ensure_ascii=True, indent=1)
    print()
