"""Apicurio Registry, in memory; it speaks the Confluent API, too, under /apis/ccompat/v7."""
import json
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

    def schemas(self):
        """{id: the schema's text}, by Confluent's ids."""
        found = {}
        for subject in self._get("subjects"):
            for version in self._get(f"subjects/{urllib.parse.quote(subject, safe='')}/versions"):
                schema = self._get(f"subjects/{urllib.parse.quote(subject, safe='')}/versions/{version}")
                found[schema["id"]] = schema["schema"]
        return found

    def _get(self, path):
        with urllib.request.urlopen(f"{self.url}/apis/ccompat/v7/{path}", timeout=10) as answer:
            return json.load(answer)

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/apis/ccompat/v7/subjects", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
