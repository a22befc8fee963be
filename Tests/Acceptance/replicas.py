"""Two nodes on one PostgreSQL under load, of which one is killed: nothing is billed twice, lost or overspent.

    scripts/with-postgres python3 Tests/Acceptance/replicas.py PRSM_BINARY

Needs Python 3 alone, `psql`, and PRSM_TEST_DATABASE_URL. Prints a line a check; ends with 1 where one fails.
"""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROMPT_PRICE, COMPLETION_PRICE = Decimal("0.00001"), Decimal("0.00003")  # a token: 10 and 30 a million
BUDGET = Decimal("0.80")
LEASE = 8  # seconds
SILENCE = 3  # seconds, on a busy machine


class Upstream(BaseHTTPRequestHandler):
    """Answers with usage that it writes on a bill, in one piece or streamed, sometimes slowly."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    bill = Decimal(0)
    served = 0

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        usage = {"prompt_tokens": random.randint(1, 20), "completion_tokens": random.randint(1, 40)}
        usage["total_tokens"] = sum(usage.values())
        time.sleep(random.random() * 0.05)
        with Upstream.lock:
            Upstream.served += 1
            Upstream.bill += usage["prompt_tokens"] * PROMPT_PRICE + usage["completion_tokens"] * COMPLETION_PRICE
        chunk = {"id": "x", "created": 1, "model": body["model"]}
        if body.get("stream"):
            events = [
                chunk | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "word"}}]},
                chunk
                | {
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                    "usage": usage,
                },
            ]
            data = "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            message = {"role": "assistant", "content": "word"}
            data = json.dumps(
                chunk
                | {
                    "object": "chat.completion",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": usage,
                }
            )
            kind = "application/json"
        try:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data.encode())
        except OSError:
            pass  # The node was killed.


class Server(ThreadingHTTPServer):
    """Takes it as it comes that a node is killed."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Node:
    """One replica."""

    def __init__(self, binary, folder, name, environment):
        self.log = os.path.join(folder, f"{name}.log")
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", os.path.join(folder, name)]
            + ["--config", os.path.join(folder, "prsm.yaml")],
            env=environment,
            stdout=open(self.log, "w"),
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + 90
        while time.monotonic() < end and self.process.poll() is None:
            line = next((each for each in open(self.log) if "listening on http" in each), None)
            if line:
                self.address = line.split("http://")[1].strip()
                return
            time.sleep(0.1)
        raise SystemExit(f"{name} did not start:\n{open(self.log).read()}")

    def ask(self, key, stream=False):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            body = {"model": "paid", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 40}
            if stream:
                body["stream"] = True
            headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()


def sql(url, statement):
    return subprocess.run(
        ["psql", url, "-X", "-A", "-t", "-c", statement], check=True, capture_output=True, text=True
    ).stdout.strip()


failures = 0


def check(holds, words):
    global failures
    failures += 0 if holds else 1
    print(f"{'pass' if holds else 'FAIL'}  {words}", flush=True)


def load(nodes, key, counts, answered, until):
    """Asks nodes in turn until the time is over; a node that is gone is passed over. Notes when the last one answered."""
    while time.monotonic() < until:
        node = random.choice(nodes)
        try:
            status = node.ask(key, stream=random.random() < 0.4)
        except (OSError, http.client.HTTPException):
            status = "gone" if node is not nodes[-1] else "broken"
        with Upstream.lock:
            counts[status] = counts.get(status, 0) + 1
            if node is nodes[-1] and status in (200, 429):
                answered.append(time.monotonic())


def main(binary):
    server = os.environ.get("PRSM_TEST_DATABASE_URL")
    if not server:
        print("skipped: there is no PostgreSQL; run scripts/with-postgres python3 Tests/Acceptance/replicas.py PRSM")
        return 0
    schema = f"acceptance_{os.getpid()}"
    sql(server, f"CREATE SCHEMA {schema}")
    url = server + ("&" if "?" in server else "?") + f"options=-csearch_path%3D{schema}"
    upstream = Server(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    folder = tempfile.mkdtemp(prefix="prsm-replicas-")
    with open(os.path.join(folder, "prsm.yaml"), "w") as file:
        file.write(
            f"upstreams:\n  mock:\n    url: http://127.0.0.1:{upstream.server_port}/v1\n    models: [paid]\n"
            "prices:\n  paid: {input: 10, output: 30}\n"
            f"budgets:\n  - {{for: node, per: month, limit: {BUDGET}}}\n"
        )
    environment = os.environ | {"PRSM_DATABASE_URL": url, "PRSM_DATABASE_LEASE": f"{LEASE}s"}
    nodes = []
    try:
        key = subprocess.run(
            [binary, "keys", "create", "load", "--quiet", "--data-dir", os.path.join(folder, "a")],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout.strip()
        nodes = [Node(binary, folder, name, environment) for name in ("a", "b")]
        check(all(node.ask(key) == 200 for node in nodes), "a key made by the command is good at both replicas")
        check(nodes[0].ask("prsm-wrong") == 401, "another is not")
        counts, answered = {}, []
        until = time.monotonic() + 8
        threads = [threading.Thread(target=load, args=(nodes, key, counts, answered, until)) for _ in range(24)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        os.kill(nodes[0].process.pid, signal.SIGKILL)
        nodes[0].process.wait()
        killed = time.monotonic()
        for thread in threads:
            thread.join()
        open_now = int(sql(url, "SELECT count(*) FROM prsm_usage_reservation"))
        print(f"      answers: {counts}; served {Upstream.served}; reservations of the killed node: {open_now}")
        check(counts.get(200, 0) > 50, "requests were answered")
        check("gone" in counts, "one replica was killed under load")
        answered = [killed] + sorted(each for each in answered if each > killed) + [until]
        silence = max(later - earlier for earlier, later in zip(answered, answered[1:]))
        check(silence < SILENCE, f"the other one answered all the time; its longest silence was {silence * 1000:.0f} ms")
        check(not set(counts) - {200, 429, "gone"}, "and nothing but answers and refusals came from it")
        check(open_now > 0, "it left reservations behind")
        while time.monotonic() < killed + LEASE + 45 and sql(url, "SELECT count(*) FROM prsm_usage_reservation") != "0":
            time.sleep(1)
        check(sql(url, "SELECT count(*) FROM prsm_usage_reservation") == "0", "the other one recovered them")
        lost = int(sql(url, "SELECT count(*) FROM prsm_usage_event WHERE outcome = 'lost'"))
        check(lost == open_now, f"each once: {lost}")
        spent = Decimal(sql(url, "SELECT COALESCE(sum(cost), 0) FROM prsm_usage_event")) / Decimal(10**12)
        counter = Decimal(
            sql(url, "SELECT spent FROM prsm_usage_counter WHERE scope = 'node:' AND length(span) = 7")
        ) / Decimal(10**12)
        check(spent == counter, f"events and counters agree: {spent}")
        check(spent >= Upstream.bill, f"nothing that was billed is missing: {Upstream.bill} billed")
        check(spent <= BUDGET, f"the budget of {BUDGET} holds")
        settled = Decimal(
            sql(url, "SELECT COALESCE(sum(cost), 0) FROM prsm_usage_event WHERE outcome = 'finished'")
        ) / Decimal(10**12)
        check(settled <= Upstream.bill, "what was settled was billed")
        # The rest of the budget is spent by the survivor alone, to the last request that fits.
        statuses = {}
        for _ in range(4000):
            status = nodes[1].ask(key)
            statuses[status] = statuses.get(status, 0) + 1
            if status != 200:
                break
        spent = Decimal(sql(url, "SELECT sum(cost) FROM prsm_usage_event")) / Decimal(10**12)
        check(spent <= BUDGET, f"at the end {spent} of {BUDGET} are spent: {statuses}")
    finally:
        for node in nodes:
            node.process.kill()
        sql(server, f"DROP SCHEMA {schema} CASCADE")
        if failures:
            print(f"logs are in {folder}")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    sys.exit(main(os.path.abspath(sys.argv[1])))
