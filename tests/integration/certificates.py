# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates for daemons and clients, made by certtool."""
import shutil
import subprocess

from skep import DEADLINE


class Certificates:
    """An authority, a server's certificate and clients' certificates, as libvirt lays them out."""

    def __init__(self, folder):
        self.folder = folder
        self.make("ca", "cn = Test authority\nca\ncert_signing_key\n")
        self.make("server", "cn = localhost\ndns_name = localhost\nip_address = 127.0.0.1\ntls_www_server\nencryption_key\nsigning_key\n", "ca")

    def run(self, *argv):
        subprocess.run(["certtool", *argv], check=True, capture_output=True, timeout=DEADLINE)

    def make(self, name, template, signer=None):
        at = self.folder / name
        (self.folder / f"{name}.cfg").write_text(template + "expiration_days = 10\n")
        self.run("--generate-privkey", "--key-type", "rsa", "--bits", "2048", "--outfile", f"{at}.key")
        common = ["--load-privkey", f"{at}.key", "--template", f"{at}.cfg", "--outfile", f"{at}.pem"]
        if signer is None:
            self.run("--generate-self-signed", *common)
        else:
            self.run("--generate-certificate", "--load-ca-certificate", f"{self.folder}/{signer}.pem", "--load-ca-privkey",
                     f"{self.folder}/{signer}.key", *common)

    def client(self, name, signer="ca"):
        """A client's pkipath."""
        self.make(name, f"cn = {name}\norganization = Example\ntls_www_client\nencryption_key\nsigning_key\n", signer)
        path = self.folder / f"pki-{name}"
        path.mkdir()
        for source, target in (("ca.pem", "cacert.pem"), (f"{name}.pem", "clientcert.pem"), (f"{name}.key", "clientkey.pem")):
            shutil.copy(self.folder / source, path / target)
        return path
