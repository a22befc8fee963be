"""A py-libp2p host in this process, told what to do line by line on its standard input.

    py_libp2p_peer.py [KEY]

KEY is `ed25519` (usual), `rsa` or `secp256k1`. Answers each command with one line of JSON.
"""

import hashlib
import json
import sys

import trio
from multiaddr import Multiaddr

import libp2p.crypto.ed25519
import libp2p.crypto.rsa
import libp2p.crypto.secp256k1
from libp2p import new_host
from libp2p.bitswap import BitswapClient
from libp2p.host.ping import PingService
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.identity.identify.identify import parse_identify_response
from libp2p.peer.id import ID as PeerID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.utils.varint import read_length_prefixed_protobuf


def answer(**values):
    print(json.dumps(values), flush=True)


def raw_cid(data):
    """The CIDv1 of raw bytes under SHA2-256."""
    return bytes([0x01, 0x55, 0x12, 0x20]) + hashlib.sha256(data).digest()


async def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "ed25519"
    keys = getattr(libp2p.crypto, kind).create_new_key_pair()
    host = new_host(key_pair=keys)
    async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]), trio.open_nursery() as nursery:
        bitswap = BitswapClient(host)
        await bitswap.start()
        bitswap.set_nursery(nursery)
        address = str(host.get_addrs()[0])
        answer(id=host.get_id().to_string(), address=address)
        while True:
            line = await trio.to_thread.run_sync(sys.stdin.readline)
            words = line.split()
            if not words or words[0] == "quit":
                break
            try:
                with trio.fail_after(30):
                    answer(result=await perform(host, bitswap, words))
            except BaseException as error:
                if isinstance(error, (KeyboardInterrupt, trio.Cancelled)):
                    raise
                answer(error=repr(error))
        nursery.cancel_scope.cancel()


async def perform(host, bitswap, words):
    command, *rest = words
    if command == "connect":
        await host.connect(info_from_p2p_addr(Multiaddr(rest[0])))
        return True
    if command == "ping":
        times = await PingService(host).ping(PeerID.from_base58(rest[0]), ping_amt=3)
        return [float(time) for time in times]
    if command == "identify":
        stream = await host.new_stream(PeerID.from_base58(rest[0]), [IDENTIFY])
        message = parse_identify_response(await read_length_prefixed_protobuf(stream, use_varint_format=True))
        await stream.close()
        return {
            "agent": message.agent_version,
            "protocols": list(message.protocols),
            "addresses": [str(Multiaddr(address)) for address in message.listen_addrs],
            "has_record": bool(message.signedPeerRecord),
        }
    if command == "peers":
        return [peer.to_string() for peer in host.get_connected_peers()]
    if command == "add":
        with open(rest[0], "rb") as file:
            data = file.read()
        await bitswap.add_block(raw_cid(data), data)
        return raw_cid(data).hex()
    if command == "fetch":
        data = await bitswap.new_session().get_block(bytes.fromhex(rest[0]), PeerID.from_base58(rest[1]), 20)
        return hashlib.sha256(data).hexdigest()
    raise ValueError(command)


trio.run(main)
