"""Apicurio Registry, in memory; it speaks the Confluent API, too, under /apis/ccompat/v7."""
import json
import signal
import urllib.error
import urllib.parse
import urllib.request

import fetch
from process import Process, free_port


class Registry:
    """A registry of schemas."""

    def __init__(self, folder, keep=False):
        self.port = free_port()
        jar = next(fetch.apicurio().glob("**/apicurio-registry-app-*-runner.jar"))
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", f"-Dquarkus.http.port={self.port}",
                   "-Dquarkus.http.host=127.0.0.1", "-jar", str(jar)]
        self.process = Process(folder, "registry", command, keep=keep)

    @property
    def url(self):
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Starts it and waits until it answers."""
        self.process.start()
        self.process.wait_ready(60, self._answers)

    def kill(self):
        """SIGKILL."""
        self.process.kill()

    @property
    def confluent(self):
        """Its address for those who speak Confluent's API, as weir does."""
        return f"{self.url}/apis/ccompat/v7"

    def freeze(self):
        """It answers nobody. Killed, it would have forgotten everything."""
        self.process.child.send_signal(signal.SIGSTOP)

    def thaw(self):
        """It goes on."""
        self.process.child.send_signal(signal.SIGCONT)

    def schemas(self):
        """{id: the schema's text}, by Confluent's ids."""
        found = {}
        for subject in self._get("subjects"):
            for version in self._get(f"subjects/{urllib.parse.quote(subject, safe='')}/versions"):
                schema = self._get(f"subjects/{urllib.parse.quote(subject, safe='')}/versions/{version}")
                found[schema["id"]] = schema["schema"]
        return found

    def compatibility(self, subject, level):
        """Sets a subject's level."""
        request = urllib.request.Request(f"{self.confluent}/config/{urllib.parse.quote(subject, safe='')}",
                                         json.dumps({"compatibility": level}).encode(),
                                         {"Content-Type": "application/vnd.schemaregistry.v1+json"}, method="PUT")
        urllib.request.urlopen(request, timeout=10).close()

    def _get(self, path):
        with urllib.request.urlopen(f"{self.confluent}/{path}", timeout=10) as answer:
            return json.load(answer)

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.confluent}/subjects", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
