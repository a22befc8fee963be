"""A node that cannot be reached is called through a relay, by other nodes and over Kubo's relay, and gets direct connections.

    judge_relay.py PRSM [KUBO_PYTHON]
"""

import os
import random
import signal
import sys
import tempfile
import time

from judge import HERE, Node, Peer, check


def wait(truth, what, seconds=60):
    end = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > end:
            raise SystemExit(f"peers: FAILED: {what}")
        time.sleep(0.2)
    check(True, what)


def reachability(node):
    return node.call("GET", "/v1/prsm/inference/peers")["reachability"]


def circuits(node):
    return [address for address in node.call("GET", "/v1/prsm/peers")["addresses"] if "/p2p-circuit" in address]


def connections(node, peer):
    return node.call("GET", f"/v1/prsm/peers/{peer}")["connections"]


def ping(node, peer):
    return len(node.call("POST", "/v1/prsm/peers/ping", {"peer": peer, "count": 3}).get("milliseconds", [])) == 3


def judge_nodes(prsm, folder):
    relay = Node(prsm, os.path.join(folder, "relay"), PRSM_PEERS_RELAY="true", PRSM_PEERS_MDNS="false")
    # It listens nowhere, so that nobody can reach it; its peers say so, and it looks for a place by itself.
    hidden = Node(
        prsm, os.path.join(folder, "hidden"), listens=False, PRSM_PEERS_BOOTSTRAP=relay.address,
        PRSM_PEERS_MDNS="false")
    caller = Node(prsm, os.path.join(folder, "caller"), PRSM_PEERS_MDNS="false")
    nodes = [relay, hidden, caller]
    try:
        wait(lambda: reachability(hidden)["reachable"] == "no", "a node that listens nowhere finds that it cannot be reached")
        wait(lambda: reachability(hidden)["relays"] == [relay.id], "it takes a place at the relay")
        address = circuits(hidden)[0]
        check(address.startswith(relay.address + "/p2p-circuit"), f"it tells others {address}")
        answer = caller.call("POST", "/v1/prsm/peers/connect", {"peer": address})
        check(answer.get("id") == hidden.id, f"it is called through the relay: {answer}")
        check(ping(caller, hidden.id), "pings pass")
        wait(
            lambda: any(not one["is_limited"] for one in connections(caller, hidden.id)),
            "the one that was called dials the caller, and there is a direct connection")
        relay.process.send_signal(signal.SIGKILL)
        wait(lambda: not circuits(hidden), "when the relay is gone, nobody is told of the place any more")
        check(ping(caller, hidden.id), "and the two stay connected")
    finally:
        for node in nodes:
            node.process.kill()


def judge_kubo(prsm, python, folder):
    port = random.randint(20_000, 30_000)
    peer = Peer(
        python, os.path.join(HERE, "kubo_peer.py"), os.path.join(folder, "kubo"), str(port), "relay", cwd=folder)
    settings = {"PRSM_PEERS_MDNS": "false"}
    hidden = Node(
        prsm, os.path.join(folder, "hidden-kubo"), PRSM_PEERS_REACHABLE="no", PRSM_PEERS_BOOTSTRAP=peer.address,
        **settings)
    caller = Node(prsm, os.path.join(folder, "caller-kubo"), **settings)
    try:
        wait(lambda: reachability(hidden)["relays"] == [peer.id], "Kubo gives a place at its relay")
        address = f"{peer.address}/p2p-circuit/p2p/{hidden.id}"
        answer = caller.call("POST", "/v1/prsm/peers/connect", {"peer": address})
        check(answer.get("id") == hidden.id, f"a node is called over Kubo's relay: {answer}")
        check(ping(caller, hidden.id), "pings pass")
        wait(
            lambda: any(not one["is_limited"] for one in connections(caller, hidden.id)),
            "and become direct")
        direct = Node(prsm, os.path.join(folder, "lonely-kubo"), listens=False, PRSM_PEERS_BOOTSTRAP=peer.address, **settings)
        try:
            wait(
                lambda: connections(direct, peer.id), "a node that listens nowhere is connected to Kubo")
            answer = direct.call("POST", "/v1/prsm/peers/connect", {"peer": address})
            check(answer.get("id") == hidden.id, "it calls over Kubo's relay, too")
            wait(
                lambda: any(not one["is_limited"] for one in connections(direct, hidden.id)),
                "and dials when it is told to: there is a direct connection")
        finally:
            direct.process.kill()
    finally:
        hidden.process.kill()
        caller.process.kill()
        peer.stop()


def main():
    prsm = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="prsm-relay-") as folder:
        judge_nodes(prsm, folder)
        if len(sys.argv) > 2:
            judge_kubo(prsm, sys.argv[2], folder)
    print("peers: relays are judged well")


main()
