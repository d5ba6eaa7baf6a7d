"""Certificates for tests, made with openssl: authorities, servers, clients, right ones and wrong ones."""
import pathlib
import subprocess
import tempfile


def openssl(*words, text=None):
    subprocess.run(["openssl", *map(str, words)], check=True, input=text, capture_output=True, text=True)


class Authority:
    """One that signs; `file` is what to trust."""

    def __init__(self, folder, name="Test authority"):
        self.folder = pathlib.Path(folder)
        self.name = name
        stem = name.replace(" ", "-")
        self.file, self.key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.file)

    def sign(self, name, alternatives=("DNS:localhost", "IP:127.0.0.1"), days=20, from_to=None, usage="serverAuth"):
        """(certificate with its chain, key) of that common name; `from_to` are two dates YYYYMMDDHHMMSSZ."""
        stem = f"{name}-of-{self.name}".replace(" ", "-")
        certificate, key, request = (self.folder / f"{stem}.{end}" for end in ("pem", "key", "csr"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/O=Borealis tests/CN={name}",
                "-keyout", key, "-out", request)
        key.chmod(0o600)
        with tempfile.TemporaryDirectory() as work:  # `openssl ca`, since `openssl x509` cannot set both dates
            work = pathlib.Path(work)
            (work / "index").write_text("")
            more = f"subjectAltName={','.join(alternatives)}\n" if alternatives else ""
            (work / "config").write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={work}/index\nnew_certs_dir={work}\n"
                                         f"default_md=sha256\npolicy=any\nunique_subject=no\nrand_serial=yes\n[any]\norganizationName=optional\n"
                                         f"commonName=supplied\n[extensions]\nbasicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n{more}")
            dates = ("-startdate", from_to[0], "-enddate", from_to[1]) if from_to else ("-days", days)
            openssl("ca", "-batch", "-notext", "-config", work / "config", "-extensions", "extensions", "-in", request, "-cert", self.file,
                    "-keyfile", self.key, "-out", certificate, *dates)
        return certificate, key
