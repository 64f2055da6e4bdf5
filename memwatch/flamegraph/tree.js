// The tree in numbers and words: reads what Python wrote, adds up, searches. Knows nothing of the page.
//
// A node is its number. They come parents first, so node 0 is the root, a parent's number is smaller than those of its
// children, and all that lies below a node follows it directly, up to `end[node]`.
"use strict";

const KIND = {none: 0, app: 1, installed: 2, library: 3};
const FARTHEST = 1e300;  // even the sum over all nodes is then a finite number
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

// A number from the data. Beyond 2**53 it is written as text; for widths and shares its nearest double will do.
function toNumber(raw) {
  return Math.max(-FARTHEST, Math.min(FARTHEST, Number(raw)));
}

function readTree(data) {
  const {depth, frame} = data.nodes;
  const count = depth.length;
  const parent = new Int32Array(count).fill(-1);
  const end = new Int32Array(count);
  const path = [];
  for (let node = 0; node < count; node++) {
    if (depth[node]) parent[node] = path[depth[node] - 1];
    path[depth[node]] = node;
  }
  for (let node = count - 1; node >= 0; node--) {
    end[node] = Math.max(end[node], node + 1);
    if (node) end[parent[node]] = Math.max(end[parent[node]], end[node]);
  }
  const levels = depth.reduce((deepest, level) => Math.max(deepest, level), 0) + 1;
  const signed = data.difference || data.nodes.self_bytes.some(raw => toNumber(raw) < 0);
  const sizes = new Map(data.sizes.map(([node, others, ...pairs]) => [node, {others, pairs}]));
  const words = data.frames.function.map((_, index) => frameWords(data, index));
  return {data, count, levels, parent, end, depth, frame, sizes, signed, words, counted: countedWords(words)};
}

// What a count is called. A tree of named blocks knows no files, and what it counts are not allocations.
function countedWords(words) {
  return words.some(({file}) => file) ? {title: "Allocations", one: "allocation", many: "allocations"}
    : {title: "Count", one: "counted", many: "counted"};
}

function pathTo(tree, node) {
  const path = [];
  for (; node >= 0; node = tree.parent[node]) path.unshift(node);
  return path;
}

function nameOf(tree, node) {
  return tree.words[tree.frame[node]].name;
}

// How a frame is written: its function, where it is, shortly where it is, and what a search looks through.
function frameWords(data, index) {
  const {frames, strings} = data;
  const name = printable(strings[frames.function[index]]) || "(no name)";
  const file = printable(strings[frames.file[index]]);
  const line = frames.line[index] ? `:${frames.line[index]}` : "";
  const spot = line && frames.column[index] ? `${line}:${frames.column[index]}` : line;
  const short = file && file.replace(/^.*[/\\]/, "") + line;
  return {name, file, place: file && file + spot, short, text: file ? `${name} ${file}${spot}` : name};
}

// Widths and places along the row, for "bytes" or "count". A width is all that was allocated below in whatever
// direction: what came and what went do not hide each other in a difference, and without one it is the node's total.
function measure(tree, metric) {
  const {count, parent} = tree;
  const own = tree.data.nodes[`self_${metric}`];
  const weight = new Float64Array(count);
  const start = new Float64Array(count);
  const free = new Float64Array(count);  // where the node's next child begins
  for (let node = count - 1; node >= 0; node--) {
    weight[node] += Math.abs(toNumber(own[node]));
    if (node) weight[parent[node]] += weight[node];
  }
  for (let node = 1; node < count; node++) {
    start[node] = free[node] = free[parent[node]];
    free[parent[node]] += weight[node];
  }
  return {metric, weight, start, net: Float64Array.from(tree.data.nodes[`total_${metric}`], toNumber)};
}

// For the *frames* that match: `within` which nodes they are, in how many, and what these hold. A match below a match
// is a part of what that holds.
function search(tree, layout, frames) {
  const found = {frames, within: new Uint8Array(tree.count), nodes: 0, net: 0, weight: 0};
  for (let node = tree.count - 1; node >= 0; node--) {
    found.within[node] ||= frames[tree.frame[node]];
    if (node && found.within[node]) found.within[tree.parent[node]] = 1;
  }
  let covered = 0;
  for (let node = 0; node < tree.count; node++) {
    if (!frames[tree.frame[node]]) continue;
    found.nodes++;
    if (node < covered) continue;
    covered = tree.end[node];
    found.net += layout.net[node];
    found.weight += layout.weight[node];
  }
  return found;
}

// One row for each function, with its `frames`. What recursion holds is counted at its outermost call only.
function sumByFunction(tree) {
  const {nodes, frames} = tree.data;
  const rows = new Map();
  const rowOf = tree.words.map((words, index) => {
    const key = [frames.function[index], frames.file[index], frames.first_line[index]].join();
    if (!rows.has(key)) rows.set(key, {words, frames: [], covered: 0, self_bytes: 0, total_bytes: 0, self_count: 0, total_count: 0});
    rows.get(key).frames.push(index);
    return rows.get(key);
  });
  for (let node = 1; node < tree.count; node++) {
    const row = rowOf[tree.frame[node]];
    row.self_bytes += toNumber(nodes.self_bytes[node]);
    row.self_count += toNumber(nodes.self_count[node]);
    if (node < row.covered) continue;
    row.covered = tree.end[node];
    row.total_bytes += toNumber(nodes.total_bytes[node]);
    row.total_count += toNumber(nodes.total_count[node]);
  }
  rows.delete([frames.function[0], frames.file[0], frames.first_line[0]].join());
  return [...rows.values()];
}

// Text of strangers on one line: what does not print, or turns the direction of writing, is shown by its number.
function printable(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, char => `\\u{${char.codePointAt(0).toString(16)}}`);
}

function cut(text, room) {
  return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`;
}

function bytesText(value, signed = false) {
  let rest = Math.abs(value), unit = 0;
  for (; rest >= 1024 && unit < UNITS.length - 1; unit++) rest /= 1024;
  const digits = unit === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  const number = rest >= 1e15 ? rest.toExponential(2)
    : rest.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits});
  return `${signText(value, signed)}${number} ${UNITS[unit]}`;
}

function countText(value, signed = false) {
  const size = Math.abs(value);
  return signText(value, signed) + (size >= 1e15 ? size.toExponential(2) : size.toLocaleString("en-US"));
}

function amountText(tree, metric, value) {
  return metric === "bytes" ? bytesText(value, tree.signed)
    : `${countText(value, tree.signed)} ${Math.abs(value) === 1 ? tree.counted.one : tree.counted.many}`;
}

// Every digit of a number from the data, however large it is.
function exactText(raw, signed = false) {
  const value = BigInt(raw);
  return signText(value, signed) + (value < 0n ? -value : value).toLocaleString("en-US");
}

function signText(value, signed) {
  return value < 0 ? "\u2212" : signed && value > 0 ? "+" : "";
}

function shareText(part, whole) {
  if (!whole || !part) return "0 %";
  const percent = 100 * part / whole;
  return percent < 0.01 ? "< 0.01 %" : `${percent.toFixed(percent >= 10 ? 0 : percent >= 1 ? 1 : 2)} %`;
}
