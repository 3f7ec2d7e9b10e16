// Hears that something changed, over the websocket; where there is none, looks again from time to time.

const AGAIN = 30000;

// Calls `changed` soon after something happened, while `idle()` says that nobody is typing.
export function listen(changed, idle) {
  let waiting;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => (idle() ? changed() : soon()), 400);
  };
  let alive = false;
  setInterval(() => !alive && !document.hidden && idle() && changed(), AGAIN);
  const connect = () => {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    socket.onopen = () => { alive = true; };
    socket.onmessage = soon;
    socket.onclose = () => {
      alive = false;
      setTimeout(connect, AGAIN * (0.5 + Math.random()));
    };
  };
  connect();
  return true;
}
