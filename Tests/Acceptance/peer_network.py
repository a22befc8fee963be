"""Drives a network of five nodes through trouble, and judges what its client saw.

Usage: peer_network.py BASE_URL NETWORK_DIR   (see scripts/network-acceptance)
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

BASE, DIRECTORY = sys.argv[1], sys.argv[2]
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 75
MODEL = "smollm2-135m-instruct"
QUESTIONS = [
    "Tell me about the sea.", "What is a bridge?", "Name three birds.", "How is bread made?",
    "Why is the sky blue?", "What is winter like?",
]
start = time.monotonic()
results = []
lock = threading.Lock()


def ask(question, timeout=120):
    """The streamed answer to a question: its text and how it ended."""
    body = {
        "model": MODEL, "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 40,
        "stream": True,
    }
    request = urllib.request.Request(
        BASE + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
    text, end, done = "", None, False
    with urllib.request.urlopen(request, timeout=timeout) as response:
        for line in response:
            line = line.decode().strip()
            if not line.startswith("data:"):
                continue
            data = line[5:].strip()
            if data == "[DONE]":
                done = True
                break
            event = json.loads(data)
            if "error" in event:
                raise RuntimeError(event["error"])
            for choice in event.get("choices", []):
                text += choice.get("delta", {}).get("content") or ""
                end = choice.get("finish_reason") or end
    if not done or end is None:
        raise RuntimeError(f"the answer broke off after {len(text)} characters")
    return text


def network(*words):
    # From within node 1's namespace back to where the others can be reached.
    parent = os.environ["NETWORK_PARENT"]
    subprocess.run(
        ["nsenter", f"--net=/proc/{parent}/ns/net", f"--mount=/proc/{parent}/ns/mnt", f"--wd={os.getcwd()}",
         "scripts/network", *words], check=False)


def overview():
    with urllib.request.urlopen(BASE + "/v1/prsm/inference/peers", timeout=20) as response:
        return json.load(response)


def load(worker):
    index = worker
    while time.monotonic() - start < SECONDS:
        question = QUESTIONS[index % len(QUESTIONS)]
        index += 1
        began = time.monotonic()
        try:
            outcome = ("answered", ask(question))
        except urllib.error.HTTPError as error:
            # Refused at once with a time to come back: the client was told, and comes back.
            if error.code in (429, 503):
                time.sleep(min(2.0, float(error.headers.get("retry-after") or 1)))
                outcome = ("busy", "")
            else:
                outcome = ("lost", f"HTTP {error.code}: {error.read()[:300]!r}")
        except Exception as error:
            outcome = ("lost", f"{type(error).__name__}: {error}")
        with lock:
            results.append((began - start, time.monotonic() - began, question, *outcome))


def wait_for_model():
    while time.monotonic() - start < 60:
        with urllib.request.urlopen(BASE + "/v1/models", timeout=20) as response:
            if any(model["id"] == MODEL for model in json.load(response)["data"]):
                return time.monotonic() - start
        time.sleep(0.1)
    sys.exit("network: no peer offered the model within 60 s")


def liar():
    with open(f"{DIRECTORY}/node-5/log") as log:
        for line in log:
            if "/p2p/" in line:
                return line.strip().rsplit("/p2p/", 1)[1]
    sys.exit("network: node 5 did not say who it is")


print(f"the model was offered after {wait_for_model():.1f} s")
workers = [threading.Thread(target=load, args=(number,)) for number in range(3)]
for worker in workers:
    worker.start()
for moment, words in [
    (12, ("kill", "2")), (20, ("stall", "3")), (32, ("resume", "3")), (38, ("cut", "4")), (48, ("heal", "4")),
    (54, ("shape", "3", "80ms", "2%")),
]:
    time.sleep(max(0, moment - (time.monotonic() - start)))
    print(f"{moment:3} s: {' '.join(words)}", flush=True)
    network(*words)
for worker in workers:
    worker.join()

answered = [result for result in results if result[3] == "answered"]
lost = [result for result in results if result[3] == "lost"]
seen = overview()
named = [entry["id"] for entry in seen["liars"]]
slowest = max((result[1] for result in answered), default=0)
print(f"{len(answered)} answered, {sum(r[3] == 'busy' for r in results)} refused at once, {len(lost)} lost;"
      f" slowest {slowest:.1f} s; {seen['resumed']} went on with another peer; {seen['checks']} checked;"
      f" {seen['receipts']} receipts; named: {named}")
for result in lost[:10]:
    print(f"  lost at {result[0]:.1f} s after {result[1]:.1f} s: {result[4]}")
problems = []
if lost:
    problems.append(f"{len(lost)} requests were lost")
if len(answered) < 10:
    problems.append("fewer than 10 requests were answered")
if named != [liar()]:
    problems.append(f"node 5 ({liar()}) should be named, and nobody else")
if seen["receipts"] < 1:
    problems.append("no receipt was kept")
if problems:
    sys.exit("network: " + "; ".join(problems))
print("the network held: no request was lost, and the one that corrupted answers was named")
