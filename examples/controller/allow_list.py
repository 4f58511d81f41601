#!/usr/bin/env python3
"""An offline door controller: fetches its signed allow list, verifies it, and decides without the hub.

    allow_list.py URL CONTROLLER [--token-file FILE] [--state FILE]  fetch (a delta, if the state is a list), verify, confirm
    allow_list.py --state FILE --card NUMBER --door N [--at EPOCH]   decide from what the state holds, without the hub
    allow_list.py --state FILE --show N                              the first N entries of it

Exit codes: 0 done, or open; 1 closed; 2 called wrongly; 3 no answer, try again later; 4 the hub refuses; 5 the list is
not to be trusted. After 3, 4 and 5 the state is what it was: the controller goes on with the list that it holds.

Nothing but the standard library. A real controller takes ES256 from its own library; `verify_es256` below is the
textbook form (FIPS 186-5, 6.4.2), good enough to show what is verified: it handles public data only.
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

# NIST P-256 (SP 800-186, 3.2.1.3).
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

CLOSED, USAGE, NO_ANSWER, REFUSED, UNTRUSTED = 1, 2, 3, 4, 5
ADVICE = {
    401: "give the key of this controller's client with --token-file",
    403: "its client needs the scope `controller` and the purpose `door` in hub.yaml",
    404: "its name and all its doors must stand in the agreement of this client (hub.yaml)",
}


class Failure(Exception):
    """What went wrong and what to do, in one line."""

    def __init__(self, exit_code, message):
        super().__init__(message)
        self.exit_code = exit_code


def add(a, b):
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    result = None
    while k:
        if k & 1:
            result = add(result, point)
        point = add(point, point)
        k >>= 1
    return result


def verify_es256(message, signature, key):
    """key: (x, y). signature: 64 bytes, r then s."""
    x, y = key
    if (y * y - (x * x * x + A * x + B)) % P != 0 or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    w = pow(s, -1, N)
    point = add(times(digest * w % N, G), times(r * w % N, (x, y)))
    return point is not None and point[0] % N == r


def b64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(statement, jwks, controller):
    """The claims of the statement. Raises ValueError where anything is not as it must be."""
    head, body, signature = statement.split(".")
    header = json.loads(b64(head))
    # The algorithm is ours to choose, never the sender's.
    if header.get("alg") != "ES256" or header.get("typ") != "cardhub-allow-list+jwt":
        raise ValueError("not an allow list signed with ES256")
    key = next((k for k in jwks["keys"] if k["kid"] == header.get("kid")), None)
    if key is None or key["crv"] != "P-256":
        raise ValueError("signed with a key that is not published")
    point = tuple(int.from_bytes(b64(key[c]), "big") for c in ("x", "y"))
    if not verify_es256(f"{head}.{body}".encode(), b64(signature), point):
        raise ValueError("the signature is wrong")
    claims = json.loads(b64(body))
    if claims["sub"] != controller:
        raise ValueError("the list of another controller")
    return claims


def apply(held, answer, claims):
    """The list after a full answer or a delta; what was held stays where this raises."""
    if "entries" in answer:
        entries = {}
    else:
        if held is None or answer["since"] != held["claims"]["version"]:
            raise ValueError("a delta to another version: fetch the whole list")
        entries = dict(held["entries"])
    for line in answer.get("entries", []) + answer.get("changed", []):
        number, doors = line.rsplit(" ", 1)
        entries[number] = doors
    for number in answer.get("removed", []):
        entries.pop(number, None)
    if held is not None and claims["iat"] < held["claims"]["iat"]:
        raise ValueError("older than the list that is held")
    lines = sorted(answer["profiles"]) + sorted(f"{n} {d}" for n, d in entries.items())
    digest = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
    if claims["digest"] != "sha-256:" + digest:
        raise ValueError("not the list that was signed: fetch the whole list")
    return {"claims": claims, "profiles": answer["profiles"], "entries": entries}


def within(profiles, number, at):
    for line in profiles:
        name, *windows = line.split(" ")
        if name != number:
            continue
        for window in windows:
            start, end = window.split("-")
            if (start == "" or at >= int(start)) and (end == "" or at < int(end)):
                return True
    return False


def allows(held, card, door, at):
    """May this card pass this door now? `at`: epoch seconds by the controller's clock."""
    if held is None or at >= held["claims"]["exp"]:
        return False  # no list, or one that is too old: nobody enters
    terms = held["claims"]["doors"].get(str(door))
    if terms is None:
        return False
    if terms.get("free"):
        return True  # an exit that nobody is denied
    if "until" in terms and at >= terms["until"]:
        return False  # a door that does not open on old data
    for part in held["entries"].get(card, "").split(","):
        name, _, profile = part.partition(":")
        if name == str(door):
            return profile == "" or within(held["profiles"], profile, at)
    return False


def call(url, token, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, method=method, headers=headers or {})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return 304, {}, None
        raise refusal(error) from None
    except (ValueError, http.client.HTTPException):
        raise Failure(NO_ANSWER, f"{url} does not answer as a hub does: is the address right?") from None
    except OSError as cause:
        why = getattr(cause, "reason", cause)
        raise Failure(NO_ANSWER, f"no answer from {url} ({why}): is the hub running there? try again") from None


def refusal(error):
    try:
        problem = json.loads(error.read())
        said = f"{error.code} {problem['code']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        said = str(error.code)
    if error.code == 429 or error.code >= 500:
        wait = error.headers.get("Retry-After", "a few")
        return Failure(NO_ANSWER, f"the hub cannot answer now ({said}): try again after {wait} seconds")
    advice = ADVICE.get(error.code, "see docs/controllers.md")
    return Failure(REFUSED, f"the hub refuses ({said}): {advice}")


def fetch(base, controller, token, held, at):
    path = f"{base}/v1/controllers/{controller}"
    url = f"{path}/allow-list"
    headers = {}
    if held is not None:
        url += f"?since={held['claims']['version']}"
        headers["If-None-Match"] = held.get("etag", "")
    status, answered, answer = call(url, token, headers=headers)
    if status == 304:
        return held
    _, _, jwks = call(f"{base}/v1/controllers/jwks.json", token)
    try:
        claims = verified(answer["statement"], jwks, controller)
        try:
            taken = apply(held, answer, claims)
        except ValueError:
            if held is None:
                raise
            return fetch(base, controller, token, None, at)
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        message = f"the list is not to be trusted ({cause}): nothing was taken over; tell who runs the hub"
        raise Failure(UNTRUSTED, message) from None
    if at >= claims["exp"]:
        message = f"the list ended at {clock(claims['exp'])} and it is {clock(at)} here: set this clock, or the hub's"
        raise Failure(UNTRUSTED, message)
    taken["etag"] = answered.get("etag") or answered.get("ETag") or ""
    return taken


def clock(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
        held["claims"]["version"], held["claims"]["exp"], held["claims"]["doors"], held["entries"], held["profiles"]
        return held
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as cause:
        raise Failure(UNTRUSTED, f"{path} cannot be read as a list ({cause}): remove it and fetch again") from None


def save(path, held):
    """Whole or not at all: a controller may lose its power at any moment."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(held, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def token_of(asked):
    if asked.token_file is None:
        return asked.token
    try:
        with open(asked.token_file, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as cause:
        raise Failure(USAGE, f"--token-file: {cause.strerror}: {asked.token_file}") from None


def decide(held, asked, at):
    if held is None:
        print(f"no list in {asked.state}: fetch one first", file=sys.stderr)
    elif at >= held["claims"]["exp"]:
        print(f"the list ended at {clock(held['claims']['exp'])}: fetch a new one", file=sys.stderr)
    answer = allows(held, asked.card, asked.door, at)
    print("open" if answer else "closed")
    return 0 if answer else CLOSED


def renew(held, asked, at):
    base, token = asked.url.rstrip("/"), token_of(asked)
    try:
        taken = fetch(base, asked.controller, token, held, at)
    except Failure:
        if held is not None and at >= held["claims"]["exp"]:
            print(f"the list that is held ended at {clock(held['claims']['exp'])}: nobody enters", file=sys.stderr)
        raise
    claims = taken["claims"]
    save(asked.state, taken)
    # Only now: what was confirmed must be held.
    call(f"{base}/v1/controllers/{asked.controller}/confirmation", token, "PUT", {"version": claims["version"]})
    print(f"version {claims['version']}, {len(taken['entries'])} cards, good until {clock(claims['exp'])}")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("controller", nargs="?")
    parser.add_argument("--token", default="")
    parser.add_argument("--token-file")
    parser.add_argument("--state", default="allow-list.json")
    parser.add_argument("--card")
    parser.add_argument("--door")
    parser.add_argument("--show", type=int)
    parser.add_argument("--at", type=float, help="epoch seconds, in place of this machine's clock")
    asked = parser.parse_args()
    if (asked.card is None) != (asked.door is None):
        parser.error("expected --card and --door together")
    if asked.card is None and asked.show is None and asked.controller is None:
        parser.error("expected the URL of the hub and the name of the controller, or --card and --door")
    at = time.time() if asked.at is None else asked.at
    held = load(asked.state)
    if asked.card is not None:
        return decide(held, asked, at)
    if asked.show is not None:
        for number, doors in sorted((held or {"entries": {}})["entries"].items())[: asked.show]:
            print(number, doors)
        return 0
    return renew(held, asked, at)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"allow_list.py: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)
