"""A local certificate authority and one certificate for the names of a test, made by the openssl command line."""

from pathlib import Path

from .processes import run


class CertificateAuthority:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / "ca.pem"
        self.key = self.directory / "ca-key.pem"
        self._openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-keyout",
            self.key,
            "-out",
            self.certificate,
            "-subj",
            "/CN=TunnelEdge end-to-end tests",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        )

    def issue(self, name, hosts, usage="serverAuth"):
        """(certificate, key) with each host as a name of its own: wildcards under localhost are refused by browsers."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}-key.pem"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        alternatives = ",".join(f"DNS:{host}" for host in hosts)
        extensions.write_text(
            f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n"
        )
        self._openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            key,
            "-out",
            request,
            "-subj",
            f"/CN={hosts[0]}",
        )
        self._openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.certificate,
            "-CAkey",
            self.key,
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            extensions,
            "-out",
            certificate,
        )
        key.chmod(0o600)
        return certificate, key

    def _openssl(self, *arguments):
        code, output = run(["openssl", *arguments])
        assert code == 0, output
