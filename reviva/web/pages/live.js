// What happens meanwhile: told by the server where a socket gets through, else looked for now and then.

const POLL = 30_000;
/** Milliseconds between two looks while there is no socket, and about as many at most between two tries to get one. */

const SOON = 400;
/** Milliseconds within which news that come together become one look. */

/**
 * Calls `changed` soon after something may have happened to what `token`, or else the session's cookie, opens; and
 * again soon, where it answers false for nothing could be shown yet. Returns what ends it.
 */
export function follow(changed, token) {
  let socket, since, failed = 0, again, waiting, ended = false;
  const look = async () => {
    waiting = null;
    if (await changed() === false) soon();
  };
  const soon = () => { if (!ended) waiting ??= setTimeout(look, SOON); };
  const shown = () => document.hidden || soon();
  const poll = setInterval(() => socket.readyState === WebSocket.OPEN || shown(), POLL);
  document.addEventListener("visibilitychange", shown);

  function connect() {
    const asked = new URLSearchParams({ ...(token && { token }), ...(since && { since }) });
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live?${asked}`);
    socket.addEventListener("open", () => {
      failed = 0;
      socket.send('{"type": "ping"}');  // answered by where to come back to, and a reason to look at what came before
    });
    socket.addEventListener("message", message => {
      since = JSON.parse(message.data).id || since;
      soon();
    });
    socket.addEventListener("close", ({ code }) => {
      if (ended) return;
      if (code === 4401) soon();  // whoever looks finds out that nothing is opened any more
      else again = setTimeout(connect, Math.min(POLL, 1000 * 2 ** failed++) * (0.5 + Math.random()));
    });
  }

  connect();
  return () => {
    ended = true;
    clearInterval(poll);
    clearTimeout(again);
    clearTimeout(waiting);
    document.removeEventListener("visibilitychange", shown);
    socket.close();
  };
}
