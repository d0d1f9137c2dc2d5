"""Certificates for tests, made by openssl."""

import os
import subprocess
import time


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        self.certificate, key = self._paths("ca")
        self._openssl("req", "-x509", *self._new_key(key), "-days", "1",
                      "-subj", f"/CN={name}", "-out", self.certificate)

    def issue(self, name, *names, subject="somebody", usage="clientAuth",
              days=1, seconds=None):
        """A certificate for `names`, as "DNS:a"; paths of it and its key.
        It is good for so many days, or seconds; 0: not any more."""
        certificate, key = self._paths(name)
        request, extensions = (os.path.join(self.folder, name + end)
                               for end in [".csr", ".ext"])
        self._openssl("req", "-new", *self._new_key(key),
                      "-subj", f"/CN={subject}", "-out", request)
        with open(extensions, "w") as file:
            file.write(f"extendedKeyUsage={usage}\n")
            if names:
                file.write(f"subjectAltName={','.join(names)}\n")
        if seconds is not None:
            self._sign(request, extensions, certificate, seconds)
            return certificate, key
        self._openssl("x509", "-req", "-in", request, "-days", str(days),
                      "-CA", self.certificate, "-CAcreateserial",
                      "-CAkey", self._paths("ca")[1],
                      "-extfile", extensions, "-out", certificate)
        return certificate, key

    def _sign(self, request, extensions, certificate, seconds):
        """By `openssl ca`, the one that knows times of day."""
        config, index, serial = (os.path.join(self.folder, name)
                                 for name in ["ca.cnf", "index", "serial"])
        with open(config, "w") as file:
            file.write("[ca]\ndefault_ca=own\n[own]\n"
                       f"database={index}\nserial={serial}\n"
                       f"new_certs_dir={self.folder}\n"
                       "default_md=sha256\npolicy=any\nunique_subject=no\n"
                       "[any]\ncommonName=supplied\n")
        with open(index, "a"):
            pass
        now = time.time()
        first, last = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at))
                       for at in [now - 60, now + seconds])
        self._openssl("ca", "-batch", "-notext", "-rand_serial",
                      "-config", config, "-in", request, "-out", certificate,
                      "-cert", self.certificate,
                      "-keyfile", self._paths("ca")[1],
                      "-extfile", extensions, "-startdate", first,
                      "-enddate", last)

    @staticmethod
    def encrypt(key, path):
        """A copy of the key that only a password opens."""
        Authority._openssl("pkey", "-in", key, "-aes128",
                           "-passout", "pass:secret", "-out", path)
        os.chmod(path, 0o600)
        return path

    def _paths(self, name):
        return (os.path.join(self.folder, name + ".pem"),
                os.path.join(self.folder, name + ".key"))

    @staticmethod
    def _new_key(key):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", key]

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise AssertionError(f"openssl {arguments}: {done.stdout}")
