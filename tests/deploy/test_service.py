"""Borealis as a service: what is installed, how tightly the unit holds it, that the sample configuration is one, and the package."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from running import ROOT, Server, databases  # noqa: E402

BUILD = Path(os.environ.get("BOREALIS_BUILD", ROOT / "build" / "dev"))
SAMPLE = ROOT / "deploy" / "systemd" / "borealis.toml"
# Of systemd-analyze security, in tenths; 100 is a service with no limits at all.
MOST_EXPOSED = 15


def run(*words, **more):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, **more)


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        cls.prefix = cls.folder / "usr"
        ran = run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "server")
        assert ran.returncode == 0, ran.stderr

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_all_is_there(self):
        for file in ("bin/borealis", "lib/systemd/system/borealis.service", "lib/systemd/system/borealis.socket", "lib/sysusers.d/borealis.conf", "share/borealis/borealis.toml",
                     "share/doc/borealis/configuration.md", "share/doc/borealis/README.md", "share/doc/borealis/LICENSE"):
            self.assertTrue((self.prefix / file).is_file(), file)
        self.assertRegex(run(self.prefix / "bin/borealis", "--version").stdout, r"^borealis \d+\.\d+\.\d+\n$")
        self.assertIn(f"ExecStart={self.prefix}/bin/borealis serve", (self.prefix / "lib/systemd/system/borealis.service").read_text())

    def test_the_unit_is_well_formed(self):
        ran = run("systemd-analyze", "verify", "--man=no", *(self.prefix / "lib/systemd/system").iterdir())
        about_us = [line for line in (ran.stdout + ran.stderr).splitlines() if "borealis" in line]
        self.assertEqual(about_us, [])

    def test_the_unit_exposes_little(self):
        ran = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", ROOT / "deploy/systemd/borealis.service")
        self.assertEqual(ran.returncode, 0, ran.stdout[-300:] + ran.stderr)
        for setting in ("NoNewPrivileges=", "ProtectSystem=", "RestrictNamespaces=~user", "MemoryDenyWriteExecute=", "SystemCallFilter=~@privileged"):
            self.assertRegex(ran.stdout, rf"✓ {re.escape(setting)}")
        # The measure is one: without the hardening the same service is refused.
        bare = self.folder / "bare.service"
        bare.write_text("[Service]\nExecStart=/usr/bin/borealis serve\n")
        self.assertNotEqual(run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", bare).returncode, 0)


class Sample(unittest.TestCase):
    def test_as_it_is(self):
        with Server(SAMPLE.read_text()) as server:
            self.assertIn("arn:aws:rds:us-east-1:123456789012:cluster:local", server.text())
            self.assertNotIn("WARNING", server.text())

    def test_with_all_that_it_proposes(self):
        """Everything that stands there behind a `#`, with files of the test's own."""
        folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, folder)
        ran = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=data.example.org",
                  "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        (folder / "akiaexample.secret").write_text("a secret of the test\n")
        (folder / "orders.password").write_text(databases()["postgresql"].password + "\n")
        for file in folder.iterdir():
            file.chmod(0o600)
        text = re.sub(r"^#(?=[a-z\[])", "", SAMPLE.read_text(), flags=re.M).replace("/etc/borealis", str(folder)).replace("/var/log/borealis", str(folder))
        text = text.replace('listen = "127.0.0.1:8080"\n', "").replace("0.0.0.0:8443", "0.0.0.0:0")
        (folder / "borealis").write_text("5a" * 32)  # as systemd would have put it there
        (folder / "borealis").chmod(0o400)
        with Server(text, "--listen", "0.0.0.0:0", environment={**os.environ, "CREDENTIALS_DIRECTORY": str(folder)}) as server:
            self.assertIn("cluster:orders", server.text())
            self.assertNotIn("WARNING", server.text())
            self.assertTrue(server.url.startswith("https://"))
            self.assertFalse((server.state / "secrets.key").exists())


@unittest.skipUnless(shutil.which("dpkg-shlibdeps"), "no Debian")
class Package(unittest.TestCase):
    def test_the_package_holds_a_server_that_runs(self):
        folder = Path(tempfile.mkdtemp(prefix="borealis-test-"))
        self.addCleanup(shutil.rmtree, folder)
        made = run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder)
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        [package] = folder.glob("*.deb")
        field = lambda name: run("dpkg-deb", "--field", package, name).stdout.strip()
        self.assertEqual(field("Package"), "borealis")
        for library in ("libc6", "libpq5", "libcurl4", "libmariadb3", "libssl3", "libsqlite3-0"):
            self.assertIn(library, field("Depends"))
        self.assertIn("postgresql", field("Recommends"))
        listed = run("dpkg-deb", "--contents", package).stdout
        for file in ("./usr/bin/borealis", "./usr/lib/systemd/system/borealis.service", "./usr/lib/sysusers.d/borealis.conf", "./usr/share/borealis/borealis.toml"):
            self.assertIn(file + "\n", listed)
        self.assertNotIn("./usr/include", listed)
        self.assertNotRegex(listed, r"(?m)^-..s|^-.....s|^-rw.-?.?-?w", "set-user-id or writable by others")
        root = folder / "root"
        self.assertEqual(run("dpkg-deb", "--raw-extract", package, root).returncode, 0)
        self.assertRegex(run(root / "usr/bin/borealis", "--version").stdout, r"^borealis \d")
        self.assertIn("ExecStart=/usr/bin/borealis serve", (root / "usr/lib/systemd/system/borealis.service").read_text())
        for script in ("postinst", "prerm"):
            self.assertEqual(run("sh", "-n", root / "DEBIAN" / script).returncode, 0)


if __name__ == "__main__":
    unittest.main()
