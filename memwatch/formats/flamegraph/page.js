// The page around the graph: where the profile comes from, in its head; keys that nothing else took.
"use strict";

const DAY = 86400;
const LONGEST = 10000 * DAY;  // what says to have taken longer is no measurement

function durationText(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${Math.floor(seconds % 60)}s`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / 3600)}h ${Math.floor(seconds % 3600 / 60)}m`;
  return `${countText(Math.round(seconds / DAY))} days`;
}

// The reader's own clock, as 2026-11-21 06:31:35; nothing for a time that no calendar has.
function timeText(seconds) {
  const time = new Date(seconds * 1000);
  const local = new Date(time - time.getTimezoneOffset() * 60000);
  return seconds && !Number.isNaN(local.getTime()) ? local.toISOString().slice(0, -5).replace("T", " ") : "";
}

function facts({data, counted}) {
  const interval = toNumber(data.sample_interval);
  const everything = counted.one === "allocation" && "every allocation seen";
  const span = data.duration > 0 && data.duration < LONGEST && durationText(data.duration);
  return [
    printable(data.source),
    interval > 1 ? `a sample each ${bytesText(interval)}` : everything,
    span && `${data.difference ? "change over" : "over"} ${span}`,
    timeText(data.time),
    data.pid && `pid ${data.pid}`,
  ].filter(Boolean).map(fact => make("span", {}, fact));
}

function remarks(data) {
  const left = data.left_out && `${countText(data.left_out)} of the smallest frames are drawn together as (smaller): ` +
    `a page holds ${countText(data.limit)}.`;
  return [...data.notes.map(printable), left].filter(Boolean).map(note => make("p", {class: "page-note"}, note));
}

function headline({data, counted, signed}) {
  const [bytes, count] = [data.nodes.total_bytes[0], data.nodes.total_count[0]];
  const counting = `${exactText(count, signed)} ${toNumber(count) === 1 ? counted.one : counted.many}`;
  const sum = make("b", {title: `${exactText(bytes, signed)} bytes`}, bytesText(toNumber(bytes), signed));
  return make("p", {class: "page-sum"}, sum, ` ${counted.one === "allocation" ? "in " : ""}${counting}`);
}

function emptiness(data) {
  return make("p", {class: "page-empty"}, data.difference ? "Nothing changed between the two."
    : "Empty: nothing was allocated, or nothing is left of it.");
}

function startPage(about, container, data) {
  followTheme();
  const graph = flameGraph(container, data);
  const name = printable(data.name);
  const empty = container.classList.contains("flame-empty");
  document.title = `${name} \u2013 memwatch`;
  about.append(make("div", {}, make("h1", {}, name), make("p", {class: "page-facts"}, ...facts(graph.tree))),
    ...empty ? [] : [headline(graph.tree)], ...remarks(data), ...empty ? [emptiness(data)] : []);
  document.addEventListener("keydown", event => { if (event.target === document.body) graph.key(event); });
  return graph;
}

globalThis.memwatch = startPage(document.getElementById("about"), document.getElementById("graph"),
  JSON.parse(document.getElementById("data").textContent));
