// Fetches the page again and changes only what differs, so that focus, open details and chosen options stay.
let running = false;
let again = false;

export async function refresh(clock, alarm) {
  again = true;
  if (running) return;
  running = true;
  try {
    while (again) {
      again = false;
      const answer = await fetch("/", { headers: { accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.assign("/login"); return; }
      if (answer.ok) show(await answer.text(), clock, alarm);
      await new Promise((resolve) => setTimeout(resolve, 150)); // many changes, one fetch
    }
  } catch {
    // the server is away: the live stream notices and says so
  } finally {
    running = false;
  }
}

export function startForms(clock, alarm) {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-swap]")) return;
    event.preventDefault();
    const button = form.querySelector("button");
    const place = form.closest("article");
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.ok) show(await answer.text(), clock, alarm);
      else say((await answer.json()).error.message);
    } catch {
      say("The service did not answer: this was not done. Try again.");
    } finally {
      button.removeAttribute("aria-busy");
    }
    if (!document.contains(button)) settle(place);
  });
}

// The button that was pressed is gone: go to its incident, or to the list, rather than to the top of the page.
function settle(place) {
  const target = (place && document.getElementById(place.id)) || document.getElementById("needs");
  target.focus({ preventScroll: true });
}

function say(message) {
  const line = document.createElement("p");
  line.className = "trouble";
  line.textContent = message;
  document.getElementById("troubles").prepend(line);
}

function show(html, clock, alarm) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  if (!fresh.getElementById("page")) return;
  for (const part of document.querySelectorAll("[data-live]")) {
    const wanted = fresh.getElementById(part.id);
    if (wanted) morph(part, wanted);
  }
  const lost = document.body.classList.contains("is-lost") ? "Connection lost · " : "";
  document.title = lost + fresh.title;
  clock.tick();
  alarm.update();
}

function morph(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && name !== "open" && name !== "aria-busy") from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  let here = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const found = match(from, here, wanted);
    if (found === null) {
      from.insertBefore(document.importNode(wanted, true), here);
    } else {
      if (found !== here) from.insertBefore(found, here);
      else here = here.nextSibling;
      if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted);
      else if (found.nodeValue !== wanted.nodeValue) found.nodeValue = wanted.nodeValue;
    }
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

// The node that stands for `wanted`: the one of the same id, or the next one where it is of the same kind without id.
function match(parent, here, wanted) {
  if (wanted.id) {
    for (let node = here; node; node = node.nextSibling) {
      if (node.id === wanted.id && node.nodeName === wanted.nodeName) return node;
    }
    return null;
  }
  return here && here.nodeName === wanted.nodeName && !here.id ? here : null;
}
