// What happens meanwhile: told by the server where a socket gets through, else asked for now and then.

const POLL = 30_000;
/** Milliseconds between two looks while there is no socket. */

const TRIES = 3;
/** So many sockets that never opened: there is something between us and the server that lets none through. */

/** Calls `changed` whenever something may have happened to what `token` opens. Returns what ends it. */
function follow(token, changed) {
  let socket = null, since = null, failed = 0, waiting = null;
  const open = () => socket?.readyState === WebSocket.OPEN;
  const poll = setInterval(() => {
    if (!open() && !document.hidden) changed();
  }, POLL);
  const back = () => document.hidden || changed();
  document.addEventListener("visibilitychange", back);

  function connect() {
    const asked = new URLSearchParams({ token, ...(since && { since }) });
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live?${asked}`);
    socket.addEventListener("open", () => {
      failed = 0;
      changed();
    });
    socket.addEventListener("message", message => {
      const event = JSON.parse(message.data);
      if (event.id) since = event.id;
      changed();
    });
    socket.addEventListener("close", event => {
      failed += 1;
      if (event.code === 4401 || failed > TRIES) return;
      waiting = setTimeout(connect, 1000 * 2 ** failed * (1 + Math.random()));
    });
  }

  connect();
  return () => {
    clearInterval(poll);
    clearTimeout(waiting);
    failed = TRIES;
    socket.close();
    document.removeEventListener("visibilitychange", back);
  };
}
