#!/usr/bin/env python3
"""Makes the first inputs of the fuzz targets from tests/corpus and the sample configurations, into fuzz/corpus.

Inputs that a fuzzer found before stay there.
"""

import base64
import hashlib
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def seed(target, data):
    directory = ROOT / "fuzz" / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def unescaped(text):
    """The bytes of a value of the corpus; its README describes the escapes."""
    text = re.sub(r"\{(.)\*(\d+)\}", lambda match: match[1] * min(int(match[2]), 64), text)
    text = text.replace("{token}", "e30.e30.AA")
    parts = re.split(r"(\\x[0-9a-fA-F]{2}|\\.)", text)
    return b"".join(
        bytes([int(part[2:], 16)])
        if part.startswith("\\x")
        else ESCAPES.get(part[1:], part[1:].encode())
        if part.startswith("\\")
        else part.encode()
        for part in parts
    )


def base64url(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def from_line(key, value):
    if key == "target":
        seed("target", unescaped(value))
        seed("head", b"POST " + unescaped(value) + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    elif key == "bytes":
        request = unescaped(value)
        seed("head", request[: request.find(b"\r\n\r\n") + 4])
        # The body, for the targets that read one.
        seed("chunks", request[request.find(b"\r\n\r\n") + 4 :])
    elif key == "fields":
        fields = unescaped(value)
        seed("head", b"POST /open/x HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n")
        for cookie in re.findall(rb"(?i)^cookie: *(.*?)\r?$", fields, re.M):
            seed("cookies", cookie)
    elif key in ("header", "claims"):
        try:
            members = json.loads(value)
        except ValueError:
            return
        header, claims = ({"alg": "ES256", "kid": "k"}, {"iss": "i", "sub": "zoe", "exp": 1})
        (header if key == "header" else claims).update(members)
        seed("token", base64url(header) + b"." + base64url(claims) + b".AA")


def main():
    for path in sorted((ROOT / "tests" / "corpus").glob("*.txt")):
        for line in path.read_text().splitlines():
            key, separator, value = line.partition(": ")
            if separator:
                from_line(key, value)
    for path in sorted((ROOT / "config").glob("*.yaml")):
        seed("config", path.read_bytes())
    for cookie in [b"sid=a.b.c", b"a=1; sid=x; sid = y", b'sid="a b"', b"theme=caf\xe9; sid=a", b";;=;sid"]:
        seed("cookies", cookie)
    entry = b"*2\r\n$3\r\n1-0\r\n*%d\r\n%s"
    for fields in [
        [b"k", b"token", b"id", b"j", b"exp", b"1790000000000", b"n", b"7"],
        [b"k", b"user", b"id", b"u", b"exp", b"1", b"n", b"8", b"v", b"3", b"iss", b"i"],
        [b"k", b"hb", b"at", b"1790000000000", b"x", b"9"],
        [b"k", b"hb", b"at", b"-9223372036854775808", b"x", b"9223372036854775807"],
    ]:
        strings = b"".join(b"$%d\r\n%s\r\n" % (len(field), field) for field in fields)
        entries = b"*1\r\n" + entry % (len(fields), strings)
        seed("redis_reply", entries)
        seed("redis_reply", b"*1\r\n*2\r\n$1\r\nf\r\n" + entries)
    for reply in [b"$-1\r\n", b"*0\r\n", b"*-1\r\n", b"-LOADING x\r\n", b":1\r\n", b"%0\r\n", b"_\r\n"]:
        seed("redis_reply", reply)
    seed("refresh_token", b"sgr_" + b"A" * 75 + b"\x05\x41")


if __name__ == "__main__":
    main()
