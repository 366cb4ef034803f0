#!/usr/bin/env python3
"""docs/examples/nginx.conf with two servers on the loopback: TLS, affinity, streams, a server that goes away. Needs nginx and openssl;
Python's standard library only.

    scripts/clients/proxy.py ALORA MODEL ADAPTER
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

from server import serving

CONFIGURATION = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/examples/nginx.conf"
KEY = "a-key-for-the-test"
ORIGIN = "https://alora.example.com"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def proxy(folder, ports):
    """nginx with the example's configuration, on free ports; its port."""
    port = free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=alora.example.com", "-addext",
         "subjectAltName=DNS:alora.example.com", "-keyout", folder + "/alora.key", "-out", folder + "/alora.crt"],
        check=True, capture_output=True)
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in [
        ("10.0.0.11:8080", f"127.0.0.1:{ports[0]}"), ("10.0.0.12:8080", f"127.0.0.1:{ports[1]}"), ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/", folder + "/"),
        ("http {", "http {\n  access_log off;\n" + "".join(
            f"  {name}_temp_path {folder}/{name};\n" for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])),
    ]:
        assert re.sub(r"(?m)^#.*$", "", text).count(old) >= 1, old
        text = text.replace(old, new)
    path = folder + "/nginx.conf"
    pathlib.Path(path).write_text(f"daemon off;\npid {folder}/pid;\nerror_log {folder}/errors;\n" + text, encoding="utf-8")
    process = subprocess.Popen(["nginx", "-e", folder + "/errors", "-c", path, "-p", folder])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None, pathlib.Path(folder + "/errors").read_text()
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


class Caller:
    def __init__(self, port, certificate):
        self.port, self.context = port, ssl.create_default_context(cafile=certificate)

    def connection(self, timeout=120):
        class Connection(http.client.HTTPSConnection):
            def connect(self):
                plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
                self.sock = self._context.wrap_socket(plain, server_hostname="alora.example.com")

        return Connection("alora.example.com", self.port, context=self.context, timeout=timeout)

    def send(self, connection, body, **headers):
        headers = {"Authorization": f"Bearer {KEY}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        return connection.getresponse()

    def ask(self, body, **headers):
        connection = self.connection()
        try:
            response = self.send(connection, body, **headers)
            return response.status, json.loads(response.read())
        finally:
            connection.close()


def chat(text, **more):
    return {"model": "check", "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 4, **more}


def metric(url, name):
    request = urllib.request.Request(url + "/metrics", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as response:
        return int(re.search(rf"^alora_{name} (\d+)$", response.read().decode(), re.M)[1])


def check(caller, servers):
    counts = lambda: [metric(server["url"], "requests_total") for server in servers]
    # Conversations are spread, and each stays where it is.
    for number in range(12):
        text = f"Report {number}: the lighthouse keeper paints the lighthouse of island {number} white. " * 4
        before = counts()
        cached = []
        for turn in range(3):
            status, answer = caller.ask(chat(text + f"Question: {turn}?"), X_Conversation=f"conversation-{number}")
            assert status == 200, answer
            cached.append(answer["alora"]["cached_tokens"])
        grown = [after - earlier for earlier, after in zip(before, counts())]
        assert sorted(grown) == [0, 3], grown
        assert cached[1] > 40 and cached[2] > 40, cached
    assert all(count >= 3 for count in counts()), counts()
    # A stream arrives as it is written.
    connection = caller.connection()
    response = caller.send(connection, chat("Tell me a story.", model="base", max_tokens=60, ignore_eos=True, stream=True))
    times = []
    while line := response.readline():
        if line.startswith(b"data: {"):
            times.append(time.monotonic())
    connection.close()
    assert len(times) > 30 and len({round(moment, 3) for moment in times}) > 10, "the stream came at once"
    # A caller who goes away ends its request.
    before = sum(metric(server["url"], "requests_cancelled_total") for server in servers)
    connection = caller.connection()
    response = caller.send(connection, chat("Tell me a long story.", model="base", max_tokens=3000, ignore_eos=True, stream=True))
    response.read(50)
    connection.close()
    response.close()
    for _ in range(200):
        if sum(metric(server["url"], "requests_cancelled_total") for server in servers) > before:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the request goes on")
    # What the server allows, the proxy allows; errors come through.
    status, answer = caller.ask(chat("x", padding="y" * 7_000_000))
    assert status == 200, answer
    assert caller.ask(chat("x"), Authorization="Bearer wrong")[0] == 401
    assert caller.ask(chat("x", model="nobody"))[0] == 404
    # The page's own requests, and another page's.
    assert caller.ask(chat("x"), Origin=ORIGIN)[0] == 200
    assert caller.ask(chat("x"), Origin="https://evil.example")[0] == 403
    # A server goes away.
    os.kill(servers[0]["pid"], signal.SIGKILL)
    for number in range(12):
        status, answer = caller.ask(chat("Question: Who?"), X_Conversation=f"conversation-{number}")
        assert status == 200, answer


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    alora, model, adapter = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        keys = folder + "/keys"
        pathlib.Path(keys).write_text(KEY + "\n", encoding="utf-8")
        options = ["--alias", "base", "--api-key-file", keys, "--allow-origin", ORIGIN]
        with contextlib.ExitStack() as stack:
            # It is killed.
            stack.enter_context(contextlib.suppress(SystemExit))
            servers = [stack.enter_context(serving(alora, model, {"check": adapter}, *options)) for _ in range(2)]
            port = stack.enter_context(proxy(folder, [server["port"] for server in servers]))
            check(Caller(port, folder + "/alora.crt"), servers)
            print("nginx.conf: TLS, conversations stay at a server, streams, callers who go away, long bodies, origins, a server that dies")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
