"""A small client of an API server: requests, and mirrors of whole resources that follow every change."""

import http.client
import json
import ssl
import threading
import time
from contextlib import closing
from pathlib import Path

MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, message: str):
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """One API server."""

    def __init__(self, server: str, token: str, authority: str):
        self.server = server
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self.tls = ssl.create_default_context(cadata=authority)

    @classmethod
    def of(cls, directory: Path) -> "Api":
        """The one whose credentials are in a directory: a host's /etc/kubernetes."""
        return cls(*((directory / name).read_text().strip() for name in ("server", "token", "ca.crt")))

    def open(self, method: str, path: str, body=None, kind: str = "application/json", timeout: float = 30):
        """Sends a request; returns the connection, which has to be closed, and the response."""
        connection = http.client.HTTPSConnection(self.server, context=self.tls, timeout=timeout)
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, self.headers | {"Content-Type": kind})
        response = connection.getresponse()
        if response.status // 100 != 2:
            text = response.read().decode(errors="replace")
            connection.close()
            raise ApiError(response.status, text)
        return connection, response

    def send(self, method: str, path: str, body=None, kind: str = "application/json"):
        """Sends a request and returns the object that comes back."""
        connection, response = self.open(method, path, body, kind)
        with closing(connection):
            return json.loads(response.read() or "null")

    def get(self, path: str):
        """Reads an object or a list."""
        return self.send("GET", path)

    def create(self, path: str, body: dict):
        """Makes an object, unless it is there."""
        try:
            return self.send("POST", path, body)
        except ApiError as error:
            if error.status != 409:
                raise
            return None

    def patch(self, path: str, body: dict):
        """Merges something into an object."""
        return self.send("PATCH", path, body, MERGE_PATCH)

    def is_ready(self) -> bool:
        """Whether the server answers that it is ready."""
        try:
            connection, _ = self.open("GET", "/readyz", timeout=2)
            connection.close()
            return True
        except (OSError, http.client.HTTPException, ApiError):
            return False


class Mirror(threading.Thread):
    """All objects of a resource by namespace and name, kept up to date; sets an event at every change."""

    def __init__(self, api: Api, path: str, changed: threading.Event):
        super().__init__(daemon=True)
        self.api, self.path, self.changed = api, path, changed
        self.objects: dict[tuple[str, str], dict] = {}
        self.start()

    def run(self) -> None:
        """Lists, then watches; after any fault it begins again."""
        while True:
            try:
                self.follow(self.list())
            except (OSError, http.client.HTTPException, ValueError, ApiError):
                time.sleep(1)

    def list(self) -> str:
        """Reads everything anew and returns the version it is of."""
        seen = self.api.get(self.path)
        self.objects = {key(item): item for item in seen["items"]}
        self.changed.set()
        return seen["metadata"]["resourceVersion"]

    def follow(self, version: str) -> None:
        """Carries over every change after a version, until the server ends it."""
        path = f"{self.path}?watch=1&timeoutSeconds=240&resourceVersion={version}"
        connection, response = self.api.open("GET", path, timeout=300)
        with closing(connection):
            for line in response:
                event = json.loads(line)
                item = event["object"]
                if event["type"] == "ERROR":
                    return
                objects = dict(self.objects)
                if event["type"] == "DELETED":
                    objects.pop(key(item), None)
                else:
                    objects[key(item)] = item
                self.objects = objects
                self.changed.set()


def key(item: dict) -> tuple[str, str]:
    """An object's namespace and name."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
