"""What systems of a campus ask the hub, with Python's standard library alone (3.9 or later).

Start the demo first: npx cardhub demo
    python3 examples/clients/cardhub.py [http://127.0.0.1:8080 [TOKEN]]
"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid

ATTEMPTS = 3
TIMEOUT_S = 5


class CardhubError(Exception):
    """The hub refused (status and closed code), or gave no answer (status 0)."""

    def __init__(self, status, code, detail):
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code = status, code


class Cardhub:
    def __init__(self, url, token=None):
        self.url, self.token = url.rstrip("/"), token

    def post(self, path, body, key=None):
        """One question. The same key over all attempts: what changes something is done once."""
        key = key or str(uuid.uuid4())
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(path, body, key)
            except CardhubError as error:
                if error.status not in (0, 429, 503) or attempt == ATTEMPTS:
                    raise
                time.sleep(min(getattr(error, "wait_s", attempt), 60))

    def _once(self, path, body, key):
        headers = {"content-type": "application/json", "idempotency-key": key}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as refused:
            raise self._refusal(refused) from None
        except OSError as cause:
            raise CardhubError(0, "NO_ANSWER", str(cause)) from cause

    @staticmethod
    def _refusal(refused):
        text = refused.read().decode()
        problem = {}
        if refused.headers.get_content_type() == "application/problem+json":
            problem = json.loads(text)
        error = CardhubError(refused.code, problem.get("code", ""), problem.get("detail", text))
        if refused.headers.get("retry-after", "").isdigit():
            error.wait_s = int(refused.headers["retry-after"])
        return error


def main(url, token=None):
    hub = Cardhub(url, token)
    card = {"type": "card", "id": "core:1000000220"}
    door = {"type": "door", "id": "gate:D-00000"}

    # A door: may this card enter, and why (AuthZEN). A deny is an answer, not an error.
    answer = hub.post(
        "/access/v1/evaluation",
        {"subject": card, "action": {"name": "enter"}, "resource": door, "options": {"reasons": True}},
    )
    print("door:", answer["decision"], answer["context"]["reason"], answer["context"]["reason_text"]["zh"])

    # Where may this card go: the doors, page by page.
    search = {"subject": card, "action": {"name": "enter"}, "resource": {"type": "door"}, "page": {"limit": 50}}
    doors = []
    while True:
        page = hub.post("/access/v1/search/resource", search)
        doors += [found["id"] for found in page["results"]]
        token = page["page"]["next_token"]
        if token == "":
            break
        search["page"] = {"token": token}
    print("doors that it opens:", len(doors))

    # Is this card valid, and this person's. Whatever does not match gets one and the same answer.
    print("identity:", hub.post("/v1/identity/check", {"card": card["id"], "schoolNumber": "00000022"}))
    print("another number:", hub.post("/v1/identity/check", {"card": card["id"], "schoolNumber": "1"}))

    # A library desk: who is the reader, and lend a book.
    print("reader:", hub.post("/v1/library/authenticate", {"card": card["id"], "institution": "main"}))
    loan = {"card": card["id"], "institution": "main", "location": "lobby", "item": "0000000078"}
    print("loan:", hub.post("/v1/library/checkout", loan))

    # An error has a closed code.
    try:
        hub.post("/v1/identity/check", {"credential": "037399A4"})
    except CardhubError as error:
        print("refused:", error.code)


if __name__ == "__main__":
    main(*sys.argv[1:] or ["http://127.0.0.1:8080"])
