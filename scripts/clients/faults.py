#!/usr/bin/env python3
"""What surrounds `alora serve`: SIGKILL, a port in use, few open files, a full disk, callers who send nonsense. Python's standard
library only.

    scripts/clients/faults.py ALORA MODEL ADAPTER

The server has to go on, or to end with one line and its exit code. Exit code 1: it did something else.
"""

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time

CHAT = {"model": "check", "messages": [{"role": "user", "content": "Question: Who?"}], "max_tokens": 4, "temperature": 0}


class Process:
    """A server; `limit` bounds its open files."""

    def __init__(self, port=0, limit=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        alora, model, adapter = sys.argv[1:]
        words = [alora, "serve", "--model", model, "--adapter", f"check={adapter}", "--port", str(port), "--json"]

        def restrict():
            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        self.process = subprocess.Popen(words, stdout=stdout, stderr=stderr, text=True, preexec_fn=restrict)
        line = self.process.stdout.readline() if stdout == subprocess.PIPE else ""
        self.port = json.loads(line)["port"] if line else None

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.finish()

    def finish(self):
        status = self.process.wait(timeout=60)
        return status, self.process.stderr.read() if self.process.stderr else ""


def ask(port, body=CHAT, timeout=120):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def killed():
    """After SIGKILL in the middle of a stream, its caller sees the end, and a new server gets the port at once."""
    server = Process()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(CHAT | {"model": "base", "stream": True, "max_tokens": 4000}))
    response = connection.getresponse()
    assert response.read(10)
    status, _ = server.end(signal.SIGKILL)
    assert status == -signal.SIGKILL, status
    try:
        rest = response.read()
    except (http.client.HTTPException, OSError):
        rest = b""
    assert b"[DONE]" not in rest
    again = Process(server.port)
    assert again.port == server.port and ask(again.port)[0] == 200
    assert again.end()[0] == 0
    return "killed in a stream; its port is free at once"


def port_in_use():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        server = Process(busy.getsockname()[1])
        status, errors = server.finish()
    assert status == 4 and errors.count("\n") == 1 and "another process uses the port" in errors, (status, errors)
    return "exit code 4, and one line"


def few_files():
    """With any limit, the server starts and outlives more callers than it has files for, or says in one line why not."""
    started, refused = [], []
    for limit in [8, 12, 16, 20, 24, 32, 48, 64, 100]:
        server = Process(limit=limit)
        if server.port is None:
            status, errors = server.finish()
            assert status in (3, 4) and errors.count("\n") == 1, (limit, status, errors)
            refused.append(limit)
            continue
        idle = []
        for _ in range(2 * limit):
            caller = socket.socket()
            caller.settimeout(5)
            try:
                caller.connect(("127.0.0.1", server.port))
            except OSError:
                caller.close()
                break
            idle.append(caller)
        time.sleep(0.5)
        assert server.process.poll() is None, (limit, server.finish())
        for caller in idle:
            caller.close()
        status, text = ask(server.port)
        assert status == 200, (limit, status, text)
        status, errors = server.end()
        assert status == 0 and errors.count("\n") == 1, (limit, status, errors)
        started.append(limit)
    assert started and started[-1] == 100, (started, refused)
    return f"serves with {started[0]} files and more; refuses to start with {refused or 'none'}"


def full_disk():
    """What it prints can't be written. It writes nothing else."""
    with open("/dev/full", "w") as full:
        server = Process(stdout=full)
        status, errors = server.finish()
        assert status == 4 and errors.strip().split("\n")[-1].count("standard output"), (status, errors)
        server = Process(stderr=full)
        assert server.port is None and server.finish()[0] == 4
    return "exit code 4 if an output can't be written"


def nonsense():
    """Bytes that aren't HTTP, requests that end in the middle, and lengths that don't fit."""
    server = Process()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    texts = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 1000, b"A" * 100_000, os.urandom(5000),
        (head + "Content-Length: 99999999999999999999\r\n\r\n{}").encode(), (head + "Content-Length: -1\r\n\r\n{}").encode(),
        (head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}").encode(), (head + "Content-Length: 1000\r\n\r\n{").encode(),
        (head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n").encode(), (head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n").encode(),
        (head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").encode(), (head + "X: " + "y" * 40_000 + "\r\n\r\n").encode(),
        (head + "X: y\r\n" * 500 + "\r\n").encode(), (head + "Content-Length: 3\r\n\r\n\xff\xfe\x00").encode("latin-1"),
        (head + "Content-Length: 20000\r\n\r\n" + "[" * 20_000).encode(), b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://127.0.0.1/%00%ff/../../etc HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ]
    answered = 0
    for text in texts:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as caller:
            try:
                caller.sendall(text)
                caller.shutdown(socket.SHUT_WR)
                answer = caller.recv(4096)
            except OSError:
                answer = b""
        if answer:
            answered += 1
            status = int(answer.split(b" ")[1])
            assert answer.startswith(b"HTTP/1.") and status < 500, (text[:80], answer[:200])
        assert ask(server.port)[0] == 200
    status, errors = server.end()
    assert status == 0 and errors.count("\n") == 1, (status, errors)
    return f"{len(texts)} kinds, {answered} answered, none with a status of 500 or more"


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    failed = False
    for check in [killed, port_in_use, few_files, full_disk, nonsense]:
        try:
            print(f"{check.__name__}: {check()}", flush=True)
        except Exception as error:
            failed = True
            print(f"{check.__name__}: FAILED: {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
