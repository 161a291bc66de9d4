// Starts the page's parts. Without any of this the page still shows everything and its forms still work.
import { startAlarm } from "./alarm.js";
import { startClock } from "./clock.js";
import { startLive } from "./live.js";
import { refresh, startForms } from "./refresh.js";

const alarm = startAlarm();
const clock = startClock(document.getElementById("page").dataset.now);
startForms(clock, alarm);
startLive({
  after: Number(document.getElementById("page").dataset.seq),
  onChange: () => refresh(clock, alarm),
  onHeartbeat: (beat) => clock.heard(beat),
  onPing: (ping) => clock.set(ping.now),
  onConnection: (connected, last) => {
    clock.showConnection(connected, last);
    alarm.connection(connected);
  },
});
