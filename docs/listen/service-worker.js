// Keeps the page's own files, so that it works without a network after the first visit. data/files.js, which
// scripts/listen_page.py writes, names them; when any of them changes, so does its version, and all are fetched anew.
importScripts("data/files.js");

const { version, files } = self.LISTEN;
const CACHE = `exclaim-listen-${version}`;

self.addEventListener("install", (event) => {
  const fresh = files.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const others = (names) => names.filter((name) => name.startsWith("exclaim-listen-") && name !== CACHE);
  const cleared = caches.keys().then((names) => Promise.all(others(names).map((name) => caches.delete(name))));
  event.waitUntil(cleared.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  event.respondWith(caches.open(CACHE).then(async (cache) => (await cache.match(request)) ?? fetch(request)));
});
