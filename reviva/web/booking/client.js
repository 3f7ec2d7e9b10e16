// The API, as a browser calls it: patient with a busy server, and never the same booking twice.

const PATIENCE = 8;
/** Seconds: who is asked to come back later than this is told so instead of kept waiting. */

const DEADLINE = 15_000;
/** Milliseconds for one answer. */

/** Why there is no good answer: `status` 0 is none at all, and then nobody knows whether the request arrived. */
class Problem extends Error {
  constructor(status, body = {}, wait = 0) {
    super(body.detail || body.title || "");
    this.status = status;
    this.code = String(body.type ?? "").replace("/problems/", "");
    this.faults = body.errors ?? [];
    this.wait = wait;
  }

  /** Whether what was asked for may have been done all the same. */
  get uncertain() {
    return this.status === 0 || this.status >= 500 || this.code === "request-in-progress";
  }
}

class Client {
  /** `server` is an origin; `waits` is told of each problem that is waited for, and the seconds. */
  constructor(server, waits) {
    this.server = server;
    this.waits = waits;
    this.answered = false;
  }

  get(path, query = {}, more = {}) {
    const sent = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
    return this.call("GET", sent.length ? `${path}?${new URLSearchParams(sent)}` : path, more);
  }

  post(path, body, more = {}) {
    return this.call("POST", path, { body: JSON.stringify(body), ...more });
  }

  /** The JSON of the answer. `key` makes a POST one that can be repeated. Throws `Problem`, or what `signal` says. */
  async call(method, path, { body, key, token, signal, repeatable = method === "GET" || Boolean(key) } = {}) {
    const headers = {
      ...(body && { "Content-Type": "application/json" }), ...(key && { "Idempotency-Key": key }),
      ...(token && { Authorization: `Bearer ${token}` }),
    };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.once(path, { method, headers, body }, signal);
      } catch (problem) {
        const seconds = problem instanceof Problem ? pause(problem, attempt, repeatable) : 0;
        if (!seconds || (problem.status === 0 && await this.refuses())) throw problem;
        this.waits(problem, seconds);
        await new Promise(resolve => setTimeout(resolve, seconds * 1000));
        signal?.throwIfAborted();
      }
    }
  }

  async once(path, options, signal) {
    const ended = new AbortController();
    const end = () => ended.abort(signal?.reason);
    const timer = setTimeout(end, DEADLINE);
    signal?.addEventListener("abort", end, { once: true });
    signal?.throwIfAborted();
    try {
      const answer = await fetch(this.server + path, { ...options, credentials: "omit", signal: ended.signal });
      const text = await answer.text();
      this.answered = true;
      const kind = answer.headers.get("Content-Type");
      const isJSON = /json/.test(kind);
      if (answer.ok && /html/.test(kind)) throw new Problem(0);  // somebody in between wants a login
      if (answer.ok) return isJSON ? JSON.parse(text) : text;
      throw new Problem(answer.status, isJSON ? JSON.parse(text) : {}, Number(answer.headers.get("Retry-After")) || 0);
    } catch (problem) {
      if (problem instanceof Problem) throw problem;
      signal?.throwIfAborted();
      throw new Problem(0);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  }

  /** Whether the server is there, but has answered nothing: then it is this page's origin that may not call it. */
  async refuses() {
    if (this.answered || this.server === location.origin) return false;
    try {
      await fetch(`${this.server}/healthz`, { mode: "no-cors", credentials: "omit" });
      return true;
    } catch {
      return false;
    }
  }
}

/** The seconds until another attempt is worth it; 0 for never. */
function pause(problem, attempt, repeatable) {
  if (attempt > 3) return 0;
  if (problem.code === "request-in-progress") return 1;
  if (problem.status === 429 || problem.status === 503) {
    const seconds = problem.wait || attempt;
    return seconds > PATIENCE ? 0 : seconds;
  }
  return problem.status === 0 && repeatable && navigator.onLine && attempt < 3 ? attempt : 0;
}

/** Sixteen random bytes, also where a page is not served over HTTPS and has no `crypto.randomUUID`. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
}

/** Fetched with the token in a header and saved from memory, so that no link holds it. */
async function saveCalendar(client, reference, token) {
  save(await client.get(`/api/bookings/${reference}/calendar.ics`, {}, { token }), `${reference}.ics`, "text/calendar");
}
