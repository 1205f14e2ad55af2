// Small conveniences. Every page reads and works without any of them.
"use strict";

const POLL_MILLISECONDS = 2000;

function showCurrentTab() {
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function showLocalTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.title = `${at.toLocaleString()} local time`;
  }
}

function offerTheme() {
  const button = document.getElementById("theme");
  const other = () => (document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark");
  const name = () => { button.textContent = other() === "dark" ? "Dark" : "Light"; };
  button.addEventListener("click", () => window.chooseTheme(other()));
  document.addEventListener("theme", name);
  name();
  button.hidden = false;
}

function focusSearchOnSlash() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
    event.preventDefault();
    document.getElementById("search").focus();
  });
}

// --- charts: a figure is JSON in the page; colours are names of CSS variables ------------------

function coloured(value, style) {
  if (typeof value === "string") {
    if (value === "inherit") return style.fontFamily;
    return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
  }
  if (Array.isArray(value)) return value.map((one) => coloured(one, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, style)]));
}

function drawCharts() {
  const style = getComputedStyle(document.body);
  for (const plot of document.querySelectorAll("[data-chart]")) {
    const spec = coloured(JSON.parse(document.getElementById(plot.dataset.chart).textContent), style);
    window.Plotly.react(plot, spec.data, spec.layout, { displayModeBar: false, responsive: true })
      .then(() => { plot.dataset.drawn = "yes"; });
  }
}

function loadCharts() {
  const sheet = document.querySelector("link[data-plotly]");
  if (!sheet || !document.querySelector("[data-chart]")) return;
  // Plotly adds a style sheet of its own, which the policy forbids, unless it finds these ids.
  for (const id of sheet.dataset.guards.split(" ").filter(Boolean)) {
    const guard = document.createElement("template");
    guard.id = id;
    document.head.append(guard);
  }
  const script = document.createElement("script");
  script.src = sheet.dataset.plotly;
  script.addEventListener("load", () => {
    drawCharts();
    document.addEventListener("theme", drawCharts);
  });
  document.head.append(script);
}

// --- live progress -----------------------------------------------------------------------------

function sentence(scan) {
  const units = `${scan.units_done} of ${scan.units_total || "?"} units`;
  const stopping = scan.cancelling ? ", stopping" : "";
  return `${units}, ${scan.sightings.toLocaleString("en")} artifacts seen${stopping}`;
}

function showProgress(scans) {
  const line = document.querySelector("[data-progress]");
  if (line) line.textContent = scans.map((scan) => `${scan.source}: ${sentence(scan)}`).join("; ");
  for (const scan of scans) {
    const place = document.querySelector(`[data-scan="${scan.id}"]`);
    const bar = document.querySelector(`[data-scan-bar="${scan.id}"]`);
    if (place) place.textContent = sentence(scan);
    if (bar) { bar.max = scan.units_total || 1; bar.value = scan.units_done; }
  }
}

function endOfScans(line) {
  if (document.querySelector("[data-live]")) { location.reload(); return; }
  const again = document.createElement("a");
  again.href = location.href;
  again.textContent = "load the page again";
  line.replaceChildren("The scans have changed: ", again, " for new numbers.");
}

function watchProgress() {
  const line = document.querySelector("[data-progress]");
  const live = document.querySelector("[data-live]");
  const address = line?.dataset.progress ?? live?.dataset.live;
  if (!address) return;
  // a scan may begin and end between two looks: pages that show scans go by the stamp
  const known = live ? live.dataset.stamp : line.dataset.scans;
  const look = async () => {
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const { scans, stamp } = await answer.json();
        const seen = live ? stamp : scans.map((scan) => scan.id).join(" ");
        if (seen !== known) { endOfScans(line); return; }
        showProgress(scans);
      }
    } catch { /* the server is away: ask again */ }
    setTimeout(look, POLL_MILLISECONDS);
  };
  setTimeout(look, POLL_MILLISECONDS);
}

showCurrentTab();
showLocalTimes();
offerTheme();
focusSearchOnSlash();
loadCharts();
watchProgress();
