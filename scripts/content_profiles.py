"""The names that Kubo's own tests of the import profiles expect (IPIP-499; test/cli/cid_profiles_test.go), of files and folders
that are made of a key stream. For scripts/content-acceptance."""

import hashlib
import os
import shutil
import subprocess

LETTERS = "abcdefghijklmnopqrstuvwxyz01234567890-_"

FILES = [
    ("unixfs-v0-2015", "v0-seed", 44_544 << 10, "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2"),
    ("unixfs-v0-2015", "v0-seed", 44_800 << 10, "QmepeWtdmS1hHXx1oZXsPUv6bMrfRRKfZcoPPU4eEfjnbf"),
    ("unixfs-v1-2025", "v1-2025-seed", 1_024 << 20, "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm"),
    ("unixfs-v1-2025", "v1-2025-seed", 1_025 << 20, "bafybeihmzokxxjqwxjcryerhp5ezpcog2wcawfryb2xm64xiakgm4a5jue"),
]

# Files of one byte: how many, the letters in their names, and in the last one's.
FOLDERS = [
    ("unixfs-v0-2015", "hamt-unixfs-v0-2015", 4_033, 31, 31, "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP"),
    ("unixfs-v1-2025", "hamt-unixfs-v1-2025", 4_766, 11, 21, "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4"),
    ("unixfs-v1-2025", "hamt-unixfs-v1-2025", 4_766, 11, 22, "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu"),
]


def stream(seed):
    """Gives the key stream of ChaCha20 without end: the key is the seed's SHA-256, the nonce zero."""
    key = hashlib.sha256(seed.encode()).hexdigest()
    with open("/dev/zero", "rb") as zeros:
        return subprocess.Popen(
            ["openssl", "enc", "-chacha20", "-K", key, "-iv", "0" * 32], stdin=zeros, stdout=subprocess.PIPE)


def profiles(program, folder, check):
    data = os.path.join(folder, "profiles")

    def add(profile, path, source=None):
        words = [program, "content", "add", path, "--only-hash", "--quiet", "--hidden", "--profile", profile, "--data-dir", data]
        return subprocess.run(words, check=True, stdin=source, stdout=subprocess.PIPE).stdout.decode().strip()

    for profile, seed, size, expected in FILES:
        with stream(seed) as source:
            cut = subprocess.Popen(["head", "-c", str(size)], stdin=source.stdout, stdout=subprocess.PIPE)
            found = add(profile, "-", cut.stdout)
            source.kill()
        check(f"{profile}: the expected name of a file of {size} bytes", found == expected, f"{found} {expected}")
    for profile, seed, count, length, last, expected in FOLDERS:
        path = os.path.join(folder, "profile")
        os.makedirs(path)
        with stream(seed) as source:
            for index in range(count):
                name = source.stdout.read(last if index == count - 1 else length)
                with open(os.path.join(path, "".join(LETTERS[byte % len(LETTERS)] for byte in name)), "w") as out:
                    out.write("x")
            source.kill()
        found = add(profile, path)
        check(f"{profile}: the expected name of a folder of {count} files", found == expected, f"{found} {expected}")
        shutil.rmtree(path)
