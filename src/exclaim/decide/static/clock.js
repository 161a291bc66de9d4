// Times that move: the site's clock, "12 s ago", the time left until a deadline. By the server's clock, not the browser's.
const span = (seconds) => {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} days`;
};

export function startClock(started) {
  const face = document.getElementById("clock");
  const show = new Intl.DateTimeFormat("en-GB", {
    timeZone: face.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  let ahead = Date.parse(started) - Date.now();
  const now = () => Date.now() + ahead;

  const tick = () => {
    face.textContent = show.format(now());
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const seconds = Math.max(0, (now() - Date.parse(element.dateTime)) / 1000);
      element.textContent = `${span(seconds)} ago`;
    }
    for (const element of document.querySelectorAll("time[data-left]")) {
      const seconds = Math.max(0, Math.ceil((Date.parse(element.dateTime) - now()) / 1000));
      element.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    }
  };
  setInterval(tick, 1000);

  return {
    tick,
    set(time) { ahead = Date.parse(time) - Date.now(); },
    heard(beat) {
      const device = document.querySelector(
        `[data-device="${CSS.escape(beat.device)}"][data-layer="${CSS.escape(beat.layer)}"] time[data-heard]`);
      if (device) { device.dateTime = beat.at; tick(); }
    },
    showConnection(connected, last) {
      const banner = document.getElementById("lost");
      document.body.classList.toggle("is-lost", !connected);
      document.getElementById("lost-since").textContent = show.format(last + ahead);
      banner.hidden = connected;
      if (!connected) document.title = `Connection lost · ${document.title.replace(/^Connection lost · /, "")}`;
      else document.title = document.title.replace(/^Connection lost · /, "");
    },
  };
}
