"""A py-libp2p host with a DHT and gossip in this process, told what to do line by line on its standard input.

Answers each command with one line of JSON.
"""

import json
import sys

import trio
from multiaddr import Multiaddr

from libp2p import new_host
from libp2p.custom_types import TProtocol
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service


def answer(**values):
    print(json.dumps(values), flush=True)


async def main():
    host = new_host()
    async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]), trio.open_nursery() as nursery:
        dht = KadDHT(host, DHTMode.SERVER)
        router = GossipSub(
            protocols=[TProtocol("/meshsub/1.1.0"), TProtocol("/meshsub/1.0.0")],
            degree=6, degree_low=4, degree_high=12, heartbeat_interval=1)
        pubsub = Pubsub(host, router, strict_signing=True)
        heard = {}
        async with background_trio_service(dht), background_trio_service(pubsub), background_trio_service(router):
            await pubsub.wait_until_ready()
            answer(id=host.get_id().to_string(), address=str(host.get_addrs()[0]))
            while True:
                words = (await trio.to_thread.run_sync(sys.stdin.readline)).split()
                if not words or words[0] == "quit":
                    break
                try:
                    with trio.fail_after(40):
                        answer(result=await perform(host, dht, pubsub, heard, nursery, words))
                except BaseException as error:
                    if isinstance(error, (KeyboardInterrupt, trio.Cancelled)):
                        raise
                    answer(error=repr(error))
        nursery.cancel_scope.cancel()


async def perform(host, dht, pubsub, heard, nursery, words):
    command, *rest = words
    if command == "connect":
        info = info_from_p2p_addr(Multiaddr(rest[0]))
        await host.connect(info)
        await dht.add_peer(info.peer_id)
        return True
    if command == "provide":
        return await dht.provide(rest[0])
    if command == "providers":
        return [info.peer_id.to_string() for info in await dht.find_providers(rest[0])]
    if command == "follow":
        subscription = await pubsub.subscribe(rest[0])
        heard[rest[0]] = []

        async def listen():
            while True:
                message = await subscription.get()
                heard[rest[0]].append([message.from_id.hex(), message.data.hex()])

        nursery.start_soon(listen)
        return True
    if command == "publish":
        await pubsub.publish(rest[0], bytes.fromhex(rest[1]))
        return True
    if command == "heard":
        return heard[rest[0]]
    raise ValueError(command)


trio.run(main)
