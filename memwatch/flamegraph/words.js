// What is said about a frame: the details beside the picture, the tip at the pointer, the sentence for a screen reader,
// the answer to a search, the legend; and the table of functions.
"use strict";

const ROWS = 200;
const CALLERS = 14;
const COLUMNS = ["self_bytes", "total_bytes", "self_count", "total_count"];

function describe(tree, layout, node, visit) {
  const {nodes} = tree.data;
  const {name, place} = tree.words[tree.frame[node]];
  const {signed} = tree;
  const rows = [];
  const add = (term, main, ...aside) => rows.push(make("dt", {}, term), make("dd", {}, main, " ", ...aside));
  const strong = text => make("b", {}, text), faint = text => make("span", {}, text);
  const bytes = raw => [strong(bytesText(toNumber(raw), signed)), faint(`${exactText(raw, signed)} bytes`)];
  const count = raw => exactText(raw, signed);
  const {weight} = layout, parent = tree.parent[node];
  add("Total", ...bytes(nodes.total_bytes[node]));
  add("Self", ...bytes(nodes.self_bytes[node]));
  add(tree.counted.title, strong(count(nodes.total_count[node])), faint(`self ${count(nodes.self_count[node])}`));
  add(signed ? "Share of all change" : "Share", strong(shareText(weight[node], weight[0])),
    ...node ? [faint(`${shareText(weight[node], weight[parent])} of its caller`)] : []);
  add("Calls into", calleesText(tree, node));
  const sizes = tree.sizes.get(node);
  if (sizes) add("Allocated here", sizeList(sizes, signed));
  if (tree.depth[node] > 1) add("Called from", callerList(tree, node, visit));
  const where = make("p", {class: "flame-place"}, place || placeless(tree, node));
  return [make("h2", {}, name), where, make("dl", {}, ...rows)];
}

function placeless(tree, node) {
  if (!node) return "everything";
  return nameOf(tree, node) === "(smaller)" ? "frames too small to be drawn apart" : "no file";
}

// The callers, the nearest first; the root is none.
function callerList(tree, node, visit) {
  const path = pathTo(tree, node).slice(1, -1).reverse();
  const items = path.slice(0, CALLERS).map(caller => {
    const {name, short} = tree.words[tree.frame[caller]];
    const button = make("button", {type: "button", click: () => visit(caller)}, name);
    return make("li", {}, button, " ", make("span", {}, short));
  });
  if (path.length > CALLERS) items.push(make("li", {}, `and ${countText(path.length - CALLERS)} more`));
  return make("ul", {class: "flame-callers"}, ...items);
}

function calleesText(tree, node) {
  let callees = 0;
  for (let below = node + 1; below < tree.end[node]; below = tree.end[below]) callees++;
  return callees ? `${countText(callees)} ${callees === 1 ? "frame" : "frames"}` : "nothing";
}

// As `480 x 4,145 B`, what holds most first.
function sizeList({others, pairs}, signed) {
  const items = [];
  for (let index = 0; index < pairs.length; index += 2) {
    items.push(make("li", {}, `${exactText(pairs[index + 1], signed)} \u00d7 ${exactText(pairs[index])} B`));
  }
  if (others) items.push(make("li", {}, `and ${countText(others)} other ${others === 1 ? "size" : "sizes"}`));
  return make("ul", {}, ...items);
}

function tipLines(tree, {metric, net, weight}, node) {
  const {name, place} = tree.words[tree.frame[node]];
  const lines = [make("b", {}, cut(name, 120))];
  if (place) lines.push(make("span", {}, place.length > 90 ? `…${place.slice(-89)}` : place));
  lines.push(make("span", {}, `${amountText(tree, metric, net[node])}, ${shareText(weight[node], weight[0])}`));
  return lines;
}

function sentence(tree, {metric, net, weight}, node) {
  const {name, place} = tree.words[tree.frame[node]];
  const share = `${shareText(weight[node], weight[0])} of ${tree.signed ? "all change" : "all"}`;
  const amount = amountText(tree, metric, net[node]);
  return `${name}${place && `, ${place}`}: ${amount}, ${share}, calls into ${calleesText(tree, node)}`;
}

function foundText(tree, {metric, weight}, found) {
  const frames = `${countText(found.nodes)} ${found.nodes === 1 ? "frame" : "frames"}`;
  const amount = amountText(tree, metric, found.net);
  return found.nodes ? `${frames}, ${amount}, ${shareText(found.weight, weight[0])}` : "no match";
}

// Only what the picture contains.
function legend(tree) {
  const kinds = new Set(tree.data.frames.kind);
  const known = [[KIND.app, "app", "application"], [KIND.installed, "installed", "installed packages"],
    [KIND.library, "library", "standard library"]];
  const shown = tree.signed ? [["more", "growth"], ["less", "what went"], ["plain", "both cancel out"]]
    : known.filter(([kind]) => kinds.has(kind)).map(([, name, text]) => [name, text]);
  const hint = tree.signed ? [make("span", {}, "the width is all change, in both directions")] : [];
  const swatches = [...shown, ["match", "match"]].map(([name, text]) =>
    make("span", {class: `flame-for-${name}`}, make("i", {class: `flame-is-${name}`}), text));
  return make("p", {class: "flame-legend"}, ...swatches, ...hint);
}

// Self and total of each function, sortable by each column, filtered by the search.
function functionTable(tree, choose) {
  const rows = sumByFunction(tree);
  const body = make("tbody");
  const note = make("p", {class: "flame-note"});
  let sorted = "total_bytes", way = -1, matched = null;
  const {title} = tree.counted;
  const titles = ["Self", "Total", `Self ${title.toLowerCase()}`, `Total ${title.toLowerCase()}`];
  const heads = COLUMNS.map((column, index) => make("th", {scope: "col"},
    make("button", {type: "button", click: () => sort(column)}, titles[index])));
  const top = make("thead", {}, make("tr", {}, ...heads, make("th", {scope: "col"}, "Function")));
  const table = make("table", {}, top, body);
  const element = make("div", {class: "flame-table"}, table, note);

  function sort(column) {
    way = column === sorted ? -way : -1;
    sorted = column;
    fill(matched);
  }
  function weigh(metric) {
    sorted = `total_${metric}`;
    way = -1;
  }
  function fill(hits) {
    matched = hits;
    const size = row => way > 0 ? row[sorted] : Math.abs(row[sorted]);
    const shown = rows.filter(row => !hits || row.frames.some(frame => hits[frame]));
    shown.sort((one, two) => way * (size(one) - size(two)));
    const order = way < 0 ? "descending" : "ascending";
    heads.forEach((head, index) => head.setAttribute("aria-sort", COLUMNS[index] === sorted ? order : "none"));
    body.replaceChildren(...shown.slice(0, ROWS).map(line));
    const more = shown.length > ROWS && `The first ${ROWS} of ${countText(shown.length)} functions; a search shows others.`;
    note.textContent = more || (shown.length ? "" : "No function to show.");
  }
  function line(row) {
    const cells = COLUMNS.map(column => {
      const text = column.endsWith("bytes") ? bytesText(row[column], tree.signed) : countText(row[column], tree.signed);
      return make("td", {}, text);
    });
    const {name, short} = row.words;
    const button = make("button", {type: "button", title: "Search it in the graph", click: () => choose(row.words)}, name);
    return make("tr", {}, ...cells, make("th", {scope: "row"}, button, " ", make("span", {}, short)));
  }
  return {element, fill, weigh};
}
