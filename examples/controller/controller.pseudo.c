/*
 * What a small controller does with its allow list, as pseudocode close to C. allow_list.py beside it is the same and
 * runs. Needed from a library: HTTPS, JSON, SHA-256, ECDSA on P-256 (ES256). About 32 bytes of memory for each card.
 */

struct entry { char number[20]; char doors[12]; };          /* sorted by number: found by halving */
struct list  { uint32_t version, iat, exp; struct entry *entries; size_t count; struct terms doors[64]; char **profiles; };

static struct list held;                                     /* in flash; survives a power cut */

/* Every 10 s, and at once after the network has come back. */
void refresh(void)
{
    answer = https_get("/v1/controllers/%s/allow-list?since=%u", ID, held.version, if_none_match = held.etag);
    if (answer.status == 304) return;                        /* what is held is the newest, and still good */
    if (answer.status != 200) return;                        /* hub away: go on with what is held, until exp */

    jws = json_string(answer, "statement");                  /* header.payload.signature */
    if (!str_eq(jws.header.alg, "ES256")) return;            /* the algorithm is ours to choose */
    key = key_of(jws.header.kid);                            /* from /v1/controllers/jwks.json, kept in flash */
    if (!ecdsa_p256_verify(key, sha256(jws.header_b64, ".", jws.payload_b64), jws.signature)) return;
    if (!str_eq(jws.claims.sub, ID) || jws.claims.iat < held.iat) return;

    next = json_has(answer, "entries") ? empty_list() : copy_of(&held);
    for_each(line, answer.entries)  put(&next, number_of(line), doors_of(line));
    for_each(line, answer.changed)  put(&next, number_of(line), doors_of(line));
    for_each(number, answer.removed) drop(&next, number);
    sha = sha256_begin();
    for_each_sorted(line, answer.profiles) sha256_add(&sha, line, "\n");
    for_each_sorted(entry, next)           sha256_add(&sha, entry.number, " ", entry.doors, "\n");
    if (!str_eq(jws.claims.digest, hex(sha))) { held.version = 0; return; }  /* fetch the whole list next time */

    write_to_flash(&next);                                   /* first the new list, then the pointer to it */
    held = next;
    https_put("/v1/controllers/%s/confirmation", ID, "{\"version\": %u}", held.version);
}

/* Online where the hub answers within 300 ms; else: */
bool may_pass(const char *number, int door, uint32_t now)
{
    if (held.version == 0 || now >= held.exp) return false;              /* no list, or too old: nobody enters */
    if (held.doors[door].free) return true;                              /* a free exit */
    if (held.doors[door].until && now >= held.doors[door].until) return false;
    entry = find(&held, number);                                         /* never "any card of our facility" */
    if (!entry) return false;
    for_each(part, split(entry->doors, ','))                             /* "1,2:3" */
        if (door_of(part) == door)
            return !has_profile(part) || in_window(held.profiles, profile_of(part), now);
    return false;
}

/* Events: numbered from 1 without a gap, kept until the hub has acknowledged them. */
void upload(void)
{
    batch = events_not_acknowledged(100);
    answer = https_post("/v1/controllers/%s/events", ID, batch);
    if (answer.status == 200) mark_acknowledged(batch);      /* durable. Anything else: the same batch again */
}
