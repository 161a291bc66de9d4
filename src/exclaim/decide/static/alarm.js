// The sound of an alert, off until a person asks for it (browsers make no sound before a click).
const EVERY = 3000;
const KEY = "exclaim-sound";

export function startAlarm() {
  const button = document.getElementById("sound");
  let context = null;
  let on = false;
  let connected = true;

  const label = () => {
    const asked = localStorage.getItem(KEY) === "on";
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Alarm sound: on" : asked ? "Alarm sound: click to allow" : "Alarm sound: off";
    button.classList.toggle("wants", asked && !on);
  };
  const tone = (hertz, start, seconds) => {
    const wave = context.createOscillator();
    const level = context.createGain();
    wave.type = "triangle";
    wave.frequency.value = hertz;
    level.gain.setValueAtTime(0, start);
    level.gain.linearRampToValueAtTime(0.4, start + 0.02);
    level.gain.setValueAtTime(0.4, start + seconds - 0.05);
    level.gain.linearRampToValueAtTime(0, start + seconds);
    wave.connect(level).connect(context.destination);
    wave.start(start);
    wave.stop(start + seconds);
  };
  const ring = () => {
    if (!on) return;
    const start = context.currentTime + 0.05;
    if (document.querySelector("[data-ringing]")) {
      for (const [at, hertz] of [[0, 880], [0.22, 1175], [0.44, 880]]) tone(hertz, start + at, 0.2);
    } else if (!connected) {
      tone(330, start, 0.5);
    }
  };
  const icon = () => {
    const href = document.querySelector("[data-ringing]") ? "/static/alert.svg" : "/static/quiet.svg";
    const link = document.getElementById("icon");
    if (link.getAttribute("href") !== href) link.setAttribute("href", href);
  };

  button.addEventListener("click", async () => {
    context ??= new AudioContext();
    await context.resume();
    on = !on;
    localStorage.setItem(KEY, on ? "on" : "off");
    label();
    if (on) tone(660, context.currentTime + 0.02, 0.15); // so that the person hears that it works
  });
  button.hidden = false;
  label();
  icon();
  setInterval(ring, EVERY);

  return {
    update() { icon(); },
    connection(value) {
      connected = value;
      if (!value) ring();
    },
  };
}
