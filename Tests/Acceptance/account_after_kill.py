#!/usr/bin/env python3
"""Kills a node again and again amid requests, and checks that its account lost nothing.

    account_after_kill.py PRSM_BINARY [ROUNDS]

An upstream in this process counts what reaches it and what it bills. After every kill -9 and restart, each request that
reached the upstream must be on the account once, at no less than what was billed, and nothing may stay set aside.
"""

import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

START_SECONDS = 60
CLIENTS = 8
INPUT, OUTPUT = 2, 8  # millionths of the currency a token


class Upstream(BaseHTTPRequestHandler):
    """Answers at once, or word by word, and keeps the bill."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    asked = 0
    billed = 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with Upstream.lock:
            Upstream.asked += 1
        usage = {"prompt_tokens": 11, "completion_tokens": 5}
        try:
            if body.get("stream"):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for _ in range(5):
                    self.event({"choices": [{"index": 0, "delta": {"content": "word "}}]})
                    time.sleep(random.uniform(0, 0.1))
                self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self.event({"choices": [], "usage": usage})
                self.wfile.write(b"data: [DONE]\n\n")
                self.close_connection = True
            else:
                time.sleep(random.uniform(0, 0.05))
                answer = {"choices": [{"index": 0, "message": {"content": "five words"}, "finish_reason": "stop"}]}
                text = json.dumps({**answer, "usage": usage}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
        except OSError:
            return
        with Upstream.lock:
            Upstream.billed += 11 * INPUT + 5 * OUTPUT

    def event(self, value):
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


def start(binary, folder, port):
    """A node on a free port, with its address."""
    config = os.path.join(folder, "prsm.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(
            f"upstreams:\n  mock:\n    url: http://127.0.0.1:{port}/v1\n    models: [m]\n"
            f"prices:\n  m: {{ input: {INPUT}, output: {OUTPUT} }}\n"
            "budgets:\n  - { for: node, per: month, limit: 1000 }\nlimits: { output-tokens: 32 }\n"
        )
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--config", config]
    node = subprocess.Popen(
        [*command, "--data-dir", os.path.join(folder, "data"), "--log-level", "critical"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PRSM_CACHE_DIR": os.path.join(folder, "cache")},
    )
    timer = threading.Timer(START_SECONDS, node.kill)
    timer.start()
    line = node.stdout.readline()
    timer.cancel()
    if "listening on http://" not in line:
        sys.exit(f"the node did not start: {line!r}")
    return node, line.split("//")[1].strip()


def call(address, method, path, body=None, seconds=20):
    connection = http.client.HTTPConnection(address, timeout=seconds)
    try:
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"content-type": "application/json"} if body is not None else {})
        return connection.getresponse().read()
    finally:
        connection.close()


def client(address, until):
    while time.monotonic() < until:
        body = {"model": "m", "stream": random.random() < 0.5, "messages": [{"role": "user", "content": "hi"}]}
        try:
            call(address, "POST", "/v1/chat/completions", body)
        except (OSError, http.client.HTTPException):
            return


def main():
    binary = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    server = Server(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tempfile.mkdtemp(prefix="prsm-account-")
    try:
        for number in range(rounds + 1):
            node, address = start(binary, folder, server.server_port)
            report = json.loads(call(address, "GET", "/v1/prsm/usage?by=outcome"))
            budgets = json.loads(call(address, "GET", "/v1/prsm/usage/forecast"))["budgets"]
            total = report["total"]
            spent = round(float(total["cost"]) * 1e6)
            lines = {line["name"]: line["requests"] for line in report["lines"]}
            print(f"after {number} kills: {Upstream.asked} reached the upstream; on the account {lines}, {spent} millionths")
            if total["requests"] < Upstream.asked or spent < Upstream.billed:
                sys.exit(f"lost: {Upstream.asked} requests, {Upstream.billed} millionths were billed")
            if any(float(budget["reserved"]) != 0 for budget in budgets):
                sys.exit(f"something stays set aside: {budgets}")
            if number == rounds:
                node.send_signal(signal.SIGTERM)
                if node.wait(timeout=60) != 0:
                    sys.exit(f"the node ended with {node.returncode}")
                break
            until = time.monotonic() + 30
            clients = [threading.Thread(target=client, args=(address, until)) for _ in range(CLIENTS)]
            for each in clients:
                each.start()
            time.sleep(random.uniform(0.5, 2))
            node.kill()
            node.wait(timeout=30)
            for each in clients:
                each.join(timeout=40)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("passed")


if __name__ == "__main__":
    main()
