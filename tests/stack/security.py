"""Certificates and users for a broker that asks who it is: mutual TLS on one listener, a password over TLS on another.

A certificate authority of the test signs the broker's certificate (localhost) and a client's; a second one has signed nothing.
"""
import pathlib
import subprocess

USER, PASSWORD = "weir", "secret:with-${odd}-characters#"

BROKER = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/authority.crt
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


class Security:
    """The files of a broker and its clients, in FOLDER."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._authority("authority")
        self._authority("stranger")
        self._certificate("broker")
        self._certificate("client")
        (self.folder / "broker.pem").write_text(self._read("broker.key") + self._read("broker.crt"), encoding="utf-8")

    def broker_properties(self):
        """What the broker's properties need beside the listeners."""
        return BROKER.format(folder=self.folder, user=USER, password=PASSWORD)

    def format_arguments(self):
        """The user, for the formatting of the storage."""
        return ["--add-scram", f'SCRAM-SHA-512=[name={USER},password={PASSWORD}]']

    def password(self, kafka, mechanism="PLAIN", password=PASSWORD, authority="authority"):
        """librdkafka's properties for the listener that asks for a password, as lines of YAML under kafka."""
        file = self.folder / f"password-{len(password)}"
        file.write_text(password + "\n", encoding="utf-8")
        return self._lines({"bootstrap.servers": f"localhost:{kafka.ports['SASL_SSL']}", "security.protocol": "sasl_ssl",
                            "sasl.mechanisms": mechanism, "sasl.username": USER, "sasl.password": f"${{file:{file}}}",
                            "ssl.ca.location": f"{self.folder}/{authority}.crt"})

    def mutual(self, kafka, certificate=True):
        """The same for the listener that asks for a certificate."""
        properties = {"bootstrap.servers": f"localhost:{kafka.ports['SSL']}", "security.protocol": "ssl",
                      "ssl.ca.location": f"{self.folder}/authority.crt"}
        if certificate:
            properties.update({"ssl.certificate.location": f"{self.folder}/client.crt", "ssl.key.location": f"{self.folder}/client.key"})
        return self._lines(properties)

    def _lines(self, properties):
        return "".join(f'  {name}: "{value}"\n' for name, value in properties.items())

    def _authority(self, name):
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                      "-keyout", f"{name}.key", "-out", f"{name}.crt")

    def _certificate(self, name):
        extension = self.folder / f"{name}.ext"
        extension.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.crt", "-CAkey", "authority.key", "-days", "2",
                      "-extfile", extension.name, "-out", f"{name}.crt")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def _read(self, name):
        return (self.folder / name).read_text(encoding="utf-8")
