"""What content must bear, on a real disk: bytes flipped in a store of 100,000 blocks, a graph a million blocks deep, archives
and files that claim to be more than they are, and 200 adds at once beside collections. For scripts/content-acceptance."""

import concurrent.futures
import hashlib
import json
import os
import random
import shutil
import subprocess
import time

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def cid(block, codec):
    """The binary CIDv1 of a block."""
    return bytes([1]) + varint(codec) + b"\x12\x20" + hashlib.sha256(block).digest()


def text(binary):
    """A binary CID as it is written."""
    bits = int.from_bytes(binary, "big") << (-len(binary) * 8 % 5)
    digits = (len(binary) * 8 + 4) // 5
    return "b" + "".join(BASE32[bits >> (5 * index) & 31] for index in reversed(range(digits)))


def link(binary):
    return b"\xd8\x2a\x58" + bytes([len(binary) + 1]) + b"\x00" + binary


def header(root):
    head = b"\xa2\x65roots\x81" + link(root) + b"\x67version\x01"
    return varint(len(head)) + head


def section(name, block):
    return varint(len(name) + len(block)) + name + block


class Hardships:
    def __init__(self, program, folder, check):
        self.program = program
        self.folder = folder
        self.check = check

    def run(self, *words, data, limit=300):
        """Runs `prsm content …`: exit status, standard output, standard error, seconds."""
        began = time.monotonic()
        done = subprocess.run(
            [self.program, "content", *words, "--data-dir", data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace").strip(), time.monotonic() - began

    def all(self):
        self.flips()
        self.depth()
        self.bombs()
        self.crowd()

    def flips(self, entries=100_000, rounds=40):
        """One bit changed, anywhere: found where it matters, and nothing else harmed."""
        source = random.Random(11)
        wide = os.path.join(self.folder, "many")
        os.makedirs(wide)
        for index in range(entries):
            with open(os.path.join(wide, f"entry-{index}"), "w") as out:
                out.write(f"{index} {source.random()}")
        whole = os.path.join(self.folder, "whole")
        root = self.run("add", wide, "--quiet", data=whole)[1].decode().strip()
        count = json.loads(self.run("verify", "--json", data=whole)[1])["checked"]
        self.check(f"a store of {count} blocks is whole", count > entries)
        shutil.rmtree(wide)
        bad = []
        for number in range(rounds):
            data = os.path.join(self.folder, "flipped")
            shutil.copytree(whole, data)
            names = [name for name in sorted(os.listdir(data + "/content")) if os.path.getsize(data + "/content/" + name)]
            names = [name for name in names if os.path.isfile(data + "/content/" + name)]
            # Most of the bytes are in segments; the small files have their turn as well.
            segments = [name for name in names if name.endswith(".segment")]
            name = source.choice(segments) if number % 4 else source.choice(names)
            path = f"{data}/content/{name}"
            place = source.randrange(os.path.getsize(path))
            with open(path, "r+b") as file:
                file.seek(place)
                byte = file.read(1)[0] ^ 1 << source.randrange(8)
                file.seek(place)
                file.write(bytes([byte]))
            report = json.loads(self.run("verify", "--json", data=data)[1])
            found = len(report["damaged"]) + len(report["repaired"]) + report["unnamed"]
            found += len(report["mended_files"])
            again = json.loads(self.run("verify", "--json", data=data)[1])
            lost = count - again["checked"]
            # How often something was used is a guess to begin with: it begins anew where it is damaged.
            good = found == (0 if name == "uses" else 1) and lost <= (1 if name.endswith(".segment") else 0)
            good = good and all(not again[each] for each in ("damaged", "repaired", "unnamed", "mended_files"))
            # What is left comes out as it went in, and the pins hold.
            pins = [pin["cid"] for pin in json.loads(self.run("pin", "--json", data=data)[1])]
            good = good and pins == [root]
            if lost == 0:
                listed = json.loads(self.run("ls", root, "--json", data=data)[1])
                good = good and len(listed) == entries
            if not good:
                bad.append((name, place, report, lost, again))
            shutil.rmtree(data)
        self.check(f"{rounds} flipped bits: each found, at most its block lost", not bad, str(bad[:3]))
        shutil.rmtree(whole)

    def depth(self, count=1_000_000):
        """A chain of a million blocks goes in, is pinned, checked, comes out, and goes."""
        path = os.path.join(self.folder, "deep.car")
        blocks = []
        block = b"\xa1\x61n\xf6"
        name = cid(block, 0x71)
        blocks.append(section(name, block))
        for _ in range(count - 1):
            block = b"\xa1\x61n" + link(name)
            name = cid(block, 0x71)
            blocks.append(section(name, block))
        with open(path, "wb") as out:
            out.write(header(name))
            out.writelines(reversed(blocks))
        del blocks
        data = os.path.join(self.folder, "deep")
        root = text(name)
        status, out, error, took = self.run("import", path, "--json", data=data)
        self.check(
            f"a graph {count} blocks deep is imported and pinned ({took:.0f} s)",
            status == 0 and json.loads(out)[0]["roots"] == [root], error)
        status, out, error, took = self.run("verify", "--json", data=data)
        self.check(f"it is checked ({took:.0f} s)", status == 0 and json.loads(out)["checked"] == count, error)
        out_path = os.path.join(self.folder, "deep-again.car")
        status, _, error, took = self.run("export", root, "--output", out_path, data=data)
        same = status == 0 and subprocess.run(["cmp", "-s", path, out_path]).returncode == 0
        self.check(f"it is exported as it was ({took:.0f} s)", same, error)
        status, out, error, took = self.run("gc", "--json", data=data)
        self.check(f"a collection leaves it ({took:.0f} s)", status == 0 and json.loads(out)["removed_blocks"] == 0, error)
        self.run("unpin", root, data=data)
        status, out, error, took = self.run("gc", "--json", data=data)
        self.check(f"and takes it ({took:.0f} s)", status == 0 and json.loads(out)["removed_blocks"] == count, error)
        shutil.rmtree(data)

    def bombs(self):
        """Small archives that claim to be large."""
        data = os.path.join(self.folder, "bombs")
        path = os.path.join(self.folder, "bomb.car")
        # A file node of two links, each to the same node below, forty-two times over 256 KiB: 2^60 bytes.
        block, size, name = bytes(1 << 18), 1 << 18, None
        name = cid(block, 0x55)
        sections = [section(name, block)]
        for _ in range(42):
            entry = b"\x08\x02\x18" + varint(2 * size) + 2 * (b"\x20" + varint(size))
            inner = b"\x0a" + varint(len(name)) + name + b"\x12\x00\x18\x01"
            block = 2 * (b"\x12" + varint(len(inner)) + inner) + b"\x0a" + varint(len(entry)) + entry
            size *= 2
            name = cid(block, 0x70)
            sections.append(section(name, block))
        with open(path, "wb") as out:
            out.write(header(name) + b"".join(reversed(sections)))
        status, _, error, took = self.run("import", path, data=data)
        self.check(f"a file of 2^60 bytes in {os.path.getsize(path)} is imported ({took:.1f} s)", status == 0, error)
        target = os.path.join(self.folder, "bomb")
        status, _, error, took = self.run("get", text(name), "--output", target, data=data)
        self.check(
            f"writing it is refused at once ({took:.1f} s)", status != 0 and took < 10 and not os.path.exists(target), error)
        status, out, error, took = self.run("cat", text(name), "--offset", str(1 << 59), "--length", "5", data=data)
        self.check(f"a range of it is read ({took:.1f} s)", status == 0 and out == bytes(5), error)
        good = header(name)
        for what, content in [
            ("a section of 2^62 bytes", good + varint(1 << 62) + b"x"),
            ("a section of 64 MiB", good + varint(64 << 20) + bytes(64 << 20)),
            ("a header of 512 MiB", varint(512 << 20) + b"\xa2"),
            ("a header that nests", varint(4096) + b"\x81" * 4096),
            ("a version 2 that begins an exabyte later", b"\x0a\xa1\x67version\x02" + bytes(16) + (1 << 60).to_bytes(8, "little") + bytes([1] * 16)),
            ("a block under another's name", good + section(cid(b"one", 0x55), b"two")),
            ("an end amid a block", good + section(cid(b"one", 0x55), b"one")[:-1]),
        ]:
            with open(path, "wb") as out:
                out.write(content)
            status, _, error, took = self.run("import", path, data=data)
            self.check(f"an archive with {what} is refused ({took:.1f} s): {error[:90]}", status != 0 and took < 10 and error != "")
        shutil.rmtree(data)

    def crowd(self, adds=200):
        """Many commands at once, with collections among them; every one of them is done, and nothing of it lost."""
        source = random.Random(5)
        data = os.path.join(self.folder, "crowd")
        paths = []
        for index in range(adds):
            paths.append(os.path.join(self.folder, f"crowd-{index}"))
            with open(paths[-1], "wb") as out:
                out.write(source.randbytes(300_000))
        with concurrent.futures.ThreadPoolExecutor(adds + 10) as pool:
            began = time.monotonic()
            collections = [pool.submit(self.run, "gc", data=data) for _ in range(10)]
            work = [pool.submit(self.run, "add", path, "--quiet", data=data) for path in paths]
            done = [future.result() for future in work + collections]
        failed = [(status, error) for status, _, error, _ in done if status != 0]
        self.check(f"{adds} adds and 10 collections at once ({time.monotonic() - began:.0f} s)", not failed, str(failed[:2]))
        self.run("gc", data=data)
        lost = 0
        for path, (_, out, _, _) in zip(paths, done):
            with open(path, "rb") as file:
                lost += self.run("cat", out.decode().strip(), data=data)[1] != file.read()
        self.check("all that they added is there", lost == 0, f"{lost} are not")
        shutil.rmtree(data)
