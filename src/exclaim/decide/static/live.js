// Follows the server-sent events. A page that hears nothing, not even a ping, for SILENCE ms must not look quiet.
const SILENCE = 10000;
const RETRY = 2000;

export function startLive({ after, onChange, onHeartbeat, onPing, onConnection }) {
  let source = null;
  let last = Date.now();
  let connected = null;

  const sign = () => {
    last = Date.now();
    if (connected !== true) {
      const again = connected === false;
      connected = true;
      onConnection(true, last);
      if (again) onChange(); // what happened meanwhile
    }
  };
  const lost = () => {
    if (connected === false) return;
    connected = false;
    onConnection(false, last);
  };
  const numbered = (event) => {
    after = Number(event.lastEventId) || after;
    sign();
    onChange();
  };

  const open = () => {
    source = new EventSource(`/v1/live?after=${after}`);
    for (const kind of ["decision", "incident"]) source.addEventListener(kind, numbered);
    source.addEventListener("device", (event) => (event.lastEventId ? numbered(event) : (sign(), onChange())));
    source.addEventListener("heartbeat", (event) => { sign(); onHeartbeat(JSON.parse(event.data)); });
    source.addEventListener("ping", (event) => {
      const ping = JSON.parse(event.data);
      sign();
      onPing(ping);
      if (Boolean(ping.trouble) !== Boolean(document.querySelector("#troubles .trouble-service"))) onChange();
    });
    source.onerror = lost;
  };

  setInterval(() => {
    if (Date.now() - last > SILENCE) lost();
    if (source.readyState === EventSource.CLOSED || Date.now() - last > 2 * SILENCE) {
      source.close();
      last = Math.max(last, Date.now() - SILENCE); // give the new one as long
      open();
    }
  }, RETRY);
  window.addEventListener("offline", lost);
  open();
}
