"""TLS towards clients, with real certificates: who is let in, what is refused, sessions resumed, certificates replaced."""
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import running  # noqa: E402
from authority import Authority  # noqa: E402
from running import AUTHORIZATION, Server, both_databases_config, databases  # noqa: E402

PAST = ("20200101000000Z", "20200201000000Z")


def setUpModule():
    global folder, authority, stranger
    folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    authority, stranger = Authority(folder), Authority(folder, "Another authority")


def config(certificate, key, more=""):
    return both_databases_config() + f'\n[tls]\ncertificate_file = "{certificate}"\nkey_file = "{key}"\n{more}\n'


def trusting(*files, client=None, maximum=None, minimum=None):
    context = ssl.create_default_context()
    for file in files:
        context.load_verify_locations(file)
    if client:
        context.load_cert_chain(*client)
    if maximum:
        context.maximum_version = maximum
    if minimum:
        context.minimum_version = minimum
    return context


def select_1(server, context, connection=None, sql="SELECT 1"):
    """(status, body) of a call over TLS, verified by `context`."""
    database = databases()["postgresql"]
    mine = connection or http.client.HTTPSConnection("localhost", server.port, context=context, timeout=60)
    body = json.dumps({"resourceArn": database.arn, "secretArn": database.secret, "sql": sql})
    mine.request("POST", "/Execute", body, {"Authorization": AUTHORIZATION, "Content-Type": "application/json"})
    answer = mine.getresponse()
    got = answer.status, json.loads(answer.read())
    if connection is None:
        mine.close()
    return got


def wait_for(what, message):
    until = time.monotonic() + 60
    while not what():
        if time.monotonic() > until:
            raise AssertionError(message)
        time.sleep(0.05)


def serial_of(server, context):
    with socket.create_connection(("127.0.0.1", server.port), 30) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
        return secure.getpeercert()["serialNumber"]


class OneServer(unittest.TestCase):
    """Over the certificate of a trusted authority, for localhost and 127.0.0.1."""

    @classmethod
    def setUpClass(cls):
        cls.certificate, cls.key = authority.sign("localhost")
        cls.server = Server(config(cls.certificate, cls.key)).start()
        cls.addClassCleanup(cls.server.stop)

    def handshake(self, context, name="localhost"):
        with socket.create_connection(("127.0.0.1", self.server.port), 30) as plain, context.wrap_socket(plain, server_hostname=name) as secure:
            return secure.version(), secure.cipher()[0], secure.selected_alpn_protocol()

    def test_a_call_over_either_version(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            status, body = select_1(self.server, trusting(authority.file, minimum=version, maximum=version))
            self.assertEqual((status, body["records"]), (200, [[{"longValue": 1}]]))
        self.assertEqual(self.server.url, f"https://127.0.0.1:{self.server.port}")
        self.assertIn(f"borealis listens on {self.server.url}\n", self.server.text())

    def test_an_unknown_authority_and_a_wrong_name_are_refused_by_clients(self):
        for context, name, words in ((trusting(stranger.file), "localhost", "unable to get local issuer|self.signed"),
                                     (trusting(authority.file), "elsewhere.example", "Hostname mismatch"),
                                     (trusting(), "localhost", "unable to get local issuer|self.signed")):
            with self.assertRaisesRegex(ssl.SSLCertVerificationError, words):
                self.handshake(context, name)
        self.assertEqual(select_1(self.server, trusting(authority.file))[0], 200)

    def test_versions_and_ciphers(self):
        version, cipher, _ = self.handshake(trusting(authority.file))
        self.assertEqual(version, "TLSv1.3")
        old = trusting(authority.file, minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises(ssl.SSLError) as refused:
            self.handshake(old)
        self.assertRegex(str(refused.exception), "PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL")
        weak = trusting(authority.file, maximum=ssl.TLSVersion.TLSv1_2)
        weak.set_ciphers("AES128-SHA:AES256-SHA256:ECDHE-ECDSA-AES128-SHA")  # no forward secrecy, or CBC
        with self.assertRaises(ssl.SSLError) as refused:
            self.handshake(weak)
        self.assertRegex(str(refused.exception), "HANDSHAKE_FAILURE")
        strong = trusting(authority.file, maximum=ssl.TLSVersion.TLSv1_2)
        self.assertRegex(self.handshake(strong)[1], "^ECDHE-ECDSA-(AES256-GCM|AES128-GCM|CHACHA20)")

    def test_the_protocol_is_http_1_1(self):
        both = trusting(authority.file)
        both.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(self.handshake(both)[2], "http/1.1")
        other = trusting(authority.file)
        other.set_alpn_protocols(["h2"])
        with self.assertRaises(ssl.SSLError) as refused:
            self.handshake(other)
        self.assertIn("NO_APPLICATION_PROTOCOL", str(refused.exception).upper().replace(" ", "_"))
        self.assertIsNone(self.handshake(trusting(authority.file))[2])

    def test_sessions_are_resumed_whichever_thread_answers(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(authority.file, minimum=version, maximum=version)
            session, resumed = None, 0
            for _ in range(20):  # connections come to the threads by chance
                connection = http.client.HTTPSConnection("localhost", self.server.port, context=context, timeout=30)
                connection.connect()
                connection.sock.close()
                plain = socket.create_connection(("127.0.0.1", self.server.port), 30)
                secure = context.wrap_socket(plain, server_hostname="localhost", session=session)
                resumed += secure.session_reused
                # With TLS 1.3 the ticket comes behind the handshake: read something.
                secure.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertIn(b"200 OK", secure.recv(4096))
                session = secure.session
                secure.close()
            self.assertEqual(resumed, 19, version)

    def test_plain_http_is_told_to_speak_tls(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request("POST", "/Execute", "{}", {"Authorization": AUTHORIZATION})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 400)
        self.assertEqual(json.loads(answer.read()), {"message": "This port speaks TLS: use https:// in the endpoint URL."})
        # What is neither is closed without a word, or with an alert.
        for noise in (b"\x00" * 100, b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02", b"\n"):
            with socket.create_connection(("127.0.0.1", self.server.port), 30) as plain:
                plain.sendall(noise)
                plain.shutdown(socket.SHUT_WR)
                try:
                    self.assertNotIn(b"HTTP/", plain.recv(1000))
                except ConnectionResetError:
                    pass
        self.assertEqual(select_1(self.server, trusting(authority.file))[0], 200)

    def test_health_over_tls(self):
        for path in ("/health/live", "/health/ready"):
            connection = http.client.HTTPSConnection("localhost", self.server.port, context=trusting(authority.file), timeout=30)
            connection.request("GET", path)
            self.assertEqual(connection.getresponse().status, 200)

    def test_large_bodies_go_both_ways(self):
        context = trusting(authority.file)
        connection = http.client.HTTPSConnection("localhost", self.server.port, context=context, timeout=60)
        for size in (1, 1000, 16 * 1024, 16 * 1024 + 1, 100_000, 900_000):
            text = "x" * size
            status, body = select_1(self.server, context, connection, f"SELECT '{text}' AS one" if size < 30_000 else f"SELECT repeat('x', {size})")
            self.assertEqual((status, len(body["records"][0][0]["stringValue"])), (200, size))

    def test_a_connection_ends_with_its_last_word(self):
        with socket.create_connection(("127.0.0.1", self.server.port), 30) as plain:
            secure = trusting(authority.file).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
            secure.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            got = b""
            while more := secure.recv(4096):  # raises where the end is ragged
                got += more
            self.assertIn(b"Connection: close", got)

    def test_the_command_line_finds_and_trusts_it(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        ran = subprocess.run([running.BINARY, "sql", "--state-dir", self.server.state, "--cluster", databases()["postgresql"].arn, "--secret",
                              databases()["postgresql"].secret, "SELECT 7"], env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("7", ran.stdout)

    def test_curl(self):
        url = f"https://localhost:{self.server.port}/health/live"
        for words, status in ((["--cacert", authority.file], 0), (["--cacert", stranger.file], 60), (["--cacert", authority.file, "--tls-max", "1.2"], 0),
                              (["--cacert", authority.file, "--connect-to", f"elsewhere.example:{self.server.port}:127.0.0.1:{self.server.port}"], 60)):
            ran = subprocess.run(["curl", "-sS", *map(str, words), url.replace("localhost", "elsewhere.example") if "--connect-to" in words else url],
                                 capture_output=True, text=True, timeout=60)
            self.assertEqual(ran.returncode, status, ran.stderr)


class Files(unittest.TestCase):
    def refused(self, settings):
        server = Server(both_databases_config() + settings)
        self.addCleanup(server.stop)
        with self.assertRaises(AssertionError) as why:
            server.start()
        self.assertEqual(server.process.returncode, 2, server.text())
        return server.text()

    def test_what_cannot_be_used_is_named(self):
        certificate, key = authority.sign("files")
        _, other_key = authority.sign("other")
        locked = folder / "locked.key"
        subprocess.run(["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked], check=True, capture_output=True)
        broken = folder / "broken.pem"
        broken.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")

        def tls(certificate, key, more=""):
            return f'\n[tls]\ncertificate_file = "{certificate}"\nkey_file = "{key}"\n{more}'
        for settings, words in ((tls(folder / "none.pem", key), f"{folder}/none.pem: the TLS certificate cannot be opened: No such file"),
                                (tls(certificate, folder / "none.key"), f"{folder}/none.key: the TLS key cannot be opened"),
                                (tls(certificate, other_key), f"{other_key}: the TLS key"),
                                (tls(certificate, locked), f"{locked}: the TLS key is encrypted"),
                                (tls(broken, key), f"{broken}: the TLS certificate cannot be read"),
                                (tls(key, certificate), f"{key}: the TLS certificate cannot be read"),
                                (tls(folder, key), f"{folder}: the TLS certificate is no plain file"),
                                ('\n[tls]\nkey_file = "x"\n', "[tls] needs a `certificate_file` and a `key_file`"),
                                (tls(certificate, key, 'client_certificates = "required"\n'), "`client_ca_file` and `client_certificates`"),
                                (tls(certificate, key, f'client_ca_file = "{authority.file}"\n'), "`client_ca_file` and `client_certificates`"),
                                (tls(certificate, key, 'client_certificates = "perhaps"\n'), "none, optional or required"),
                                (tls(certificate, key, 'minimum_version = "1.1"\n'), '`minimum_version` must be "1.2" or "1.3"'),
                                (tls(certificate, key, f'client_certificates = "optional"\nclient_ca_file = "{broken}"\n'), f"{broken}: the authorities")):
            with self.subTest(settings):
                self.assertIn(words, self.refused(settings))

    def test_an_expired_certificate_is_used_with_a_warning_and_refused_by_clients(self):
        with Server(config(*authority.sign("expired", from_to=PAST))) as server:
            self.assertRegex(server.text(), r"warning TLS certificate CN=expired,O=Borealis tests of .*: valid until 2020-02-01, which has passed")
            with self.assertRaisesRegex(ssl.SSLCertVerificationError, "certificate has expired"):
                select_1(server, trusting(authority.file))

    def test_other_machines_need_no_flag_with_keys_and_a_certificate(self):
        certificate, key = authority.sign("everywhere")
        keys = '[[key]]\nid = "AKIATLS"\nsecret = "text:something"\n'
        place = ("--listen", "0.0.0.0:0", "--tls-certificate", str(certificate), "--tls-key", str(key))
        with Server(both_databases_config() + keys, *place) as server:
            self.assertNotIn("WARNING", server.text())
            self.assertEqual(server.url, f"https://localhost:{server.port}")
        without = Server(both_databases_config(), *place)
        with self.assertRaises(AssertionError):
            without.start()
        self.assertIn("--insecure-no-auth", without.text())

    def test_minimum_1_3(self):
        with Server(config(*authority.sign("modern"), 'minimum_version = "1.3"')) as server:
            self.assertEqual(select_1(server, trusting(authority.file))[0], 200)
            with self.assertRaises(ssl.SSLError):
                select_1(server, trusting(authority.file, maximum=ssl.TLSVersion.TLSv1_2))


class ClientCertificates(unittest.TestCase):
    def test_required(self):
        certificate, key = authority.sign("strict")
        more = f'client_certificates = "required"\nclient_ca_file = "{authority.file}"\n'
        with Server(config(certificate, key, more)) as server:
            client = authority.sign("Anna", (), usage="clientAuth")
            self.assertEqual(select_1(server, trusting(authority.file, client=client))[0], 200)
            self.assertIn("client certificate CN=Anna,O=Borealis tests", server.text())
            for wrong in (None, stranger.sign("Mallory", (), usage="clientAuth"), authority.sign("Late", (), usage="clientAuth", from_to=PAST),
                          authority.sign("Server", ())):
                for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                    with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected), msg=str(wrong)):
                        select_1(server, trusting(authority.file, client=wrong, minimum=version, maximum=version))
            self.assertIn("no TLS with 127.0.0.1: ", server.text())
            self.assertEqual(select_1(server, trusting(authority.file, client=client))[0], 200)

    def test_optional(self):
        more = f'client_certificates = "optional"\nclient_ca_file = "{authority.file}"\n'
        with Server(config(*authority.sign("lenient"), more)) as server:
            self.assertEqual(select_1(server, trusting(authority.file))[0], 200)
            self.assertIn("client certificate none", server.text())
            self.assertEqual(select_1(server, trusting(authority.file, client=authority.sign("Bo", (), usage="clientAuth")))[0], 200)
            self.assertIn("client certificate CN=Bo", server.text())
            with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                select_1(server, trusting(authority.file, client=stranger.sign("Eve", (), usage="clientAuth")))


class Replacement(unittest.TestCase):
    def test_no_call_is_lost_while_certificates_change(self):
        place = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        pairs = [authority.sign(f"number-{i}") for i in range(4)]

        def install(pair):  # as certbot does: the one file, then the other
            for source, name in zip(pair, ("certificate.pem", "key.pem")):
                shutil.copy(source, place / (name + ".new"))
                os.replace(place / (name + ".new"), place / name)
        install(pairs[0])
        context = trusting(authority.file)
        with Server(config(place / "certificate.pem", place / "key.pem")) as server:
            stop, failures, calls = threading.Event(), [], []

            def work(keep):
                connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=60) if keep else None
                while not stop.is_set():
                    try:
                        calls.append(select_1(server, context, connection)[0])
                    except Exception as e:  # noqa: BLE001 - whatever it is, it is a lost call
                        failures.append(repr(e))
            threads = [threading.Thread(target=work, args=(keep,)) for keep in (True, True, False, False)]
            for thread in threads:
                thread.start()
            try:
                serials = [serial_of(server, context)]
                for how, pair in enumerate(pairs[1:]):
                    install(pair)
                    if how == 0:
                        server.process.send_signal(signal.SIGHUP)  # else by itself
                    wait_for(lambda: serial_of(server, context) != serials[-1], "the new certificate is not used")
                    serials.append(serial_of(server, context))
                # What cannot be used changes nothing, and the log says why.
                (place / "certificate.pem").write_text("nonsense")
                server.process.send_signal(signal.SIGHUP)
                wait_for(lambda: "the TLS certificate stays as it was: " in server.text().split("nonsense")[0] and
                         f"{place}/certificate.pem: the TLS certificate cannot be read" in server.text(), "no word in the log")
                self.assertEqual(serial_of(server, context), serials[-1])
                (place / "key.pem").unlink()
                wait_for(lambda: f"{place}/key.pem" in server.text() or "cannot be opened" in server.text(), "no word in the log")
                self.assertEqual(serial_of(server, context), serials[-1])
                install(pairs[0])
                wait_for(lambda: serial_of(server, context) == serials[0], "the good certificate is not used again")
            finally:
                stop.set()
                for thread in threads:
                    thread.join(60)
            self.assertEqual(failures, [])
            self.assertEqual(set(calls), {200})
            self.assertGreater(len(calls), 20)
            self.assertEqual(len(set(serials)), 4)

    def test_sighup_without_tls_changes_nothing(self):
        with Server(both_databases_config()) as server:
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "reloaded: nothing has changed" in server.text(), "no word in the log")
            self.assertIsNone(server.process.poll())
            self.assertEqual(server.call("Execute", resourceArn=databases()["postgresql"].arn, secretArn=databases()["postgresql"].secret, sql="SELECT 1")[0], 200)

    def test_a_handshake_that_does_not_come_ends(self):
        certificate, key = authority.sign("slow")
        settings = config(certificate, key) + "\n[limits]\nhandshake_seconds = 1\n"
        with Server(settings) as server:
            for start in (b"", b"\x16\x03\x01\x02\x00"):
                with socket.create_connection(("127.0.0.1", server.port), 60) as plain:
                    plain.sendall(start)
                    self.assertEqual(plain.recv(100), b"")
            self.assertEqual(select_1(server, trusting(authority.file))[0], 200)


if __name__ == "__main__":
    unittest.main()
