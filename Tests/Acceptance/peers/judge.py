"""Starts nodes and lets py-libp2p and Kubo judge them.

    judge.py PRSM [--libp2p PYTHON] [--kubo PYTHON]
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
checks = 0


def check(truth, what):
    global checks
    if not truth:
        raise SystemExit(f"peers: FAILED: {what}")
    checks += 1
    print(f"  {what}")


class Node:
    """A PRSM node with peers, in a data folder of its own."""

    def __init__(self, prsm, folder, *more, listens=True, **settings):
        self.prsm, self.folder = prsm, folder
        os.makedirs(folder, exist_ok=True)
        self.log = open(os.path.join(folder, "node.log"), "w+")
        environment = dict(os.environ, XDG_CACHE_HOME=os.path.join(folder, "cache"), **settings)
        listening = ["--peer-listen", "/ip4/127.0.0.1/tcp/0"] if listens else []
        self.process = subprocess.Popen(
            [prsm, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder] + listening + list(more),
            stdout=self.log, stderr=subprocess.STDOUT, env=environment,
        )
        self.base = self.said(r"listening on (http\S+)")
        overview = self.call("GET", "/v1/prsm/peers")
        self.id = overview["id"]
        self.address = overview["addresses"][0] if listens else None

    def said(self, pattern, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with open(self.log.name) as file:
                found = re.search(pattern, file.read())
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        with open(self.log.name) as file:
            raise SystemExit(f"peers: the node did not say {pattern}:\n{file.read()}")

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        if data is not None:
            request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def run(self, *words):
        """A command against this node's folder; gives its output and exit status."""
        done = subprocess.run(
            [self.prsm, *words, "--data-dir", self.folder], capture_output=True, text=True, timeout=180)
        return done.stdout.strip(), done.returncode, done.stderr

    def bytes(self, path):
        with urllib.request.urlopen(self.base + path, timeout=120) as answer:
            return answer.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise SystemExit("peers: the node did not stop within 60 s of SIGTERM")
        check(self.process.returncode == 0, "the node stops cleanly")


class Peer:
    """Another program, told what to do line by line."""

    def __init__(self, *command, cwd=None):
        self.process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        hello = self.answer(120)
        self.id, self.address = hello["id"], hello["address"]

    def answer(self, seconds):
        alarm = threading.Timer(seconds, self.process.kill)
        alarm.start()
        try:
            while True:
                line = self.process.stdout.readline()
                if not line:
                    raise SystemExit("peers: the other program ended or did not answer in time")
                if line.startswith("{"):
                    return json.loads(line)
        finally:
            alarm.cancel()

    def tell(self, *words, seconds=90):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = self.answer(seconds)
        if "error" in answer:
            raise SystemExit(f"peers: {words[0]}: {answer['error']}")
        return answer["result"]

    def stop(self):
        try:
            self.process.stdin.write("quit\n")
            self.process.stdin.flush()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()


def raw_cid(data):
    """The text of the CIDv1 of raw bytes under SHA2-256, in base32."""
    import base64

    binary = bytes([0x01, 0x55, 0x12, 0x20]) + hashlib.sha256(data).digest()
    return binary.hex(), "b" + base64.b32encode(binary).decode().lower().rstrip("=")


def judge_libp2p(node, python, folder):
    for kind in ["ed25519", "rsa", "secp256k1"]:
        peer = Peer(python, os.path.join(HERE, "py_libp2p_peer.py"), kind)
        try:
            check(peer.tell("connect", node.address), f"py-libp2p ({kind}) dials")
            check(len(peer.tell("ping", node.id)) == 3, f"py-libp2p ({kind}) pings")
            said = peer.tell("identify", node.id)
            check(said["agent"].startswith("prsm/"), f"py-libp2p ({kind}) identifies {said['agent']}")
            check("/ipfs/bitswap/1.2.0" in said["protocols"] and said["has_record"], "with protocols and a signed record")
            pings = node.call("POST", "/v1/prsm/peers/ping", {"peer": peer.id, "count": 3})
            check(len(pings.get("milliseconds", [])) == 3, f"pings back over the same connection: {pings}")
        finally:
            peer.stop()
    peer = Peer(python, os.path.join(HERE, "py_libp2p_peer.py"))
    try:
        answer = node.call("POST", "/v1/prsm/peers/connect", {"peer": peer.address})
        check(answer.get("id") == peer.id, f"py-libp2p is dialled {answer}")
        output, status, _ = node.run("peers", "ping", peer.id)
        check(status == 0 and output.count("ms") == 3, "`prsm peers ping` measures it")
        output, status, _ = node.run("peers", "list")
        check(status == 0 and peer.id in output, "`prsm peers list` shows it")
        data = random.Random(5).randbytes(200_000)
        path = os.path.join(folder, "mine")
        with open(path, "wb") as file:
            file.write(data)
        node.run("content", "add", path, "--quiet")
        binary, text = raw_cid(data)
        check(
            peer.tell("fetch", binary, node.id) == hashlib.sha256(data).hexdigest(), "py-libp2p fetches a block")
        other = random.Random(6).randbytes(150_000)
        with open(path, "wb") as file:
            file.write(other)
        peer.tell("add", path)
        check(node.bytes(f"/ipfs/{raw_cid(other)[1]}?format=raw") == other, "py-libp2p serves a block")
    finally:
        peer.stop()
    output, status, _ = node.run("peers", "why", peer.id)
    check(status == 0 and "disconnected" in output, "`prsm peers why` says that it went")


def judge_kubo(node, python, folder):
    port = random.randint(20_000, 30_000)
    peer = Peer(python, os.path.join(HERE, "kubo_peer.py"), os.path.join(folder, "kubo"), str(port), cwd=folder)
    try:
        check(peer.tell("connect", node.address), "Kubo dials")
        check(node.id in str(peer.tell("peers")), "Kubo counts the node among its peers")
        node.call("DELETE", f"/v1/prsm/peers/{peer.id}")
        answer = node.call("POST", "/v1/prsm/peers/connect", {"peer": peer.address})
        check(answer.get("id") == peer.id, "Kubo is dialled")
        size = 24 << 20
        path, back = os.path.join(folder, "published"), os.path.join(folder, "downloaded")
        data = random.Random(7).randbytes(size)
        with open(path, "wb") as file:
            file.write(data)
        root, status, error = node.run("content", "add", path, "--quiet")
        check(status == 0 and root, f"a file of {size >> 20} MiB is published as {root} {error}")
        check(peer.tell("download", root, back, seconds=180), "Kubo downloads it")
        with open(back, "rb") as file:
            check(file.read() == data, "byte for byte")
        data = random.Random(8).randbytes(size)
        with open(path, "wb") as file:
            file.write(data)
        root = peer.tell("add", path).removeprefix("/ipfs/")
        check(root, f"Kubo publishes {root}")
        output, status, error = node.run("content", "pin", root)
        check(status == 0, f"`prsm content pin` fetches it {error}")
        peer.stop()
        check(node.bytes(f"/ipfs/{root}") == data, "and has it when Kubo is gone")
    finally:
        peer.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("prsm")
    parser.add_argument("--libp2p")
    parser.add_argument("--kubo")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="prsm-peers-")
    node = Node(os.path.abspath(arguments.prsm), os.path.join(folder, "node"))
    try:
        if arguments.libp2p:
            judge_libp2p(node, arguments.libp2p, folder)
        if arguments.kubo:
            judge_kubo(node, arguments.kubo, folder)
        node.stop()
    finally:
        if node.process.poll() is None:
            node.process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"peers: {checks} checks passed")


if __name__ == "__main__":
    main()
