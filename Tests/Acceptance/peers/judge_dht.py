"""Lets py-libp2p judge a node's DHT and gossip.

    judge_dht.py PRSM PYTHON
"""

import hashlib
import os
import sys
import tempfile
import time

from judge import HERE, Node, Peer, check

TOPIC = "/prsm/probes/1"
OFFERS = "/prsm/offers/1"


def wait(truth, what, seconds=40):
    end = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > end:
            raise SystemExit(f"peers: FAILED: {what}")
        time.sleep(0.3)
    check(True, what)


def main():
    prsm, python = sys.argv[1:3]
    program = os.path.join(HERE, "py_libp2p_dht.py")
    with tempfile.TemporaryDirectory() as folder:
        node = Node(prsm, os.path.join(folder, "node"))
        first, second = Peer(python, program), Peer(python, program)
        for peer in (first, second):
            peer.tell("connect", node.address)
        key = "1220" + hashlib.sha256(b"a block that one of them has").hexdigest()
        # The answer of an announcement says nothing: there is none.
        first.tell("provide", key)
        wait(lambda: first.id in second.tell("providers", key), "py-libp2p resolves providers through our DHT")
        for peer in (first, second):
            peer.tell("follow", TOPIC)
            peer.tell("follow", OFFERS)
        time.sleep(2)
        word = b"said by one, heard by the other".hex()
        first.tell("publish", TOPIC, word)
        wait(lambda: any(data == word for _, data in second.tell("heard", TOPIC)), "gossip passes through our node")
        wait(lambda: second.tell("heard", OFFERS), "py-libp2p verifies gossip of our node")
        first.stop()
        second.stop()
        node.stop()


main()
