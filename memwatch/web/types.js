// Types by growth, and for one of them: how many objects there are, who holds how many, and one of each place.
"use strict";

const MOST_TYPES = 100;

function sizeOf(bytes) {
  return bytes == null ? "" : bytesText(bytes);
}

function countOf(count) {
  return Array.isArray(count) ? `${countText(count[0])} to ${countText(count[1])}` : countText(count);
}

// The rows of a difference, what grew most first. *ask(type)* is called for a type that is chosen.
function typesTable({change}, ask) {
  const grown = change.details.filter(row => row.size_bytes > 0 || netOf(row) > 0);
  const rows = grown.sort((one, two) => two.size_bytes - one.size_bytes).slice(0, MOST_TYPES);
  const heads = ["Type", "Objects", "Allocated", "Freed", "Growth"];
  const body = rows.map(row => make("tr", {},
    make("th", {scope: "row"}, make("button", {type: "button", class: "live-type", click: () => ask(row.what)}, printable(row.what))),
    make("td", {}, countText(netOf(row), true)), make("td", {}, countOf(row["+"])), make("td", {}, countOf(row["-"])),
    make("td", {}, bytesText(row.size_bytes, true))));
  const table = make("table", {class: "types"}, make("thead", {}, make("tr", {}, ...heads.map(head => make("th", {scope: "col"}, head)))),
    make("tbody", {}, ...body));
  const others = change.details.length - grown.length, less = grown.length - rows.length;
  const notes = [less && `${countText(less)} other types grew less.`, others && `${countText(others)} types did not grow.`].filter(Boolean);
  return make("div", {class: "scroll"}, table, make("p", {class: "note"}, notes.join(" ")));
}

function netOf(row) {
  const [came, went] = [row["+"], row["-"]].map(count => Array.isArray(count) ? count[0] : count);
  return came - went;
}

function holdersView(found) {
  const head = make("p", {class: "note"}, `${countText(found.objects)} objects, ${bytesText(found.bytes)} by themselves`
    + (found.places_left_out ? "; held at more places than are told here" : ""));
  const tree = make("div", {class: "live-tree", role: "group", "aria-label": "Holders"}, ...found.tree.map(node => branch(node, found.objects, true)));
  const examples = found.examples.map(example => make("article", {class: "live-example"},
    make("p", {class: "place"}, printable(example.path)),
    make("p", {class: "note"}, `the latest of ${countText(example.objects)}; ${[sizeOf(example.bytes), itemsOf(example.items)].filter(Boolean).join(", ")}`),
    insideOf(example)));
  return make("div", {class: "live-holders"}, make("h3", {}, printable(found.type)), head,
    make("div", {class: "evidence"}, make("div", {class: "allocated"}, make("h4", {}, "Held by"), tree),
      make("div", {class: "allocated"}, make("h4", {}, "One of each place"), ...examples)));
}

function itemsOf(items) {
  return items == null ? "" : `${countText(items)} ${items === 1 ? "item" : "items"}`;
}

function insideOf({fields, holds}) {
  const rows = fields.length
    ? fields.map(field => [`.${field.name}`, [field.type, itemsOf(field.items), sizeOf(field.bytes)].filter(Boolean).join(", ")])
    : holds.map(held => [`${countText(held.count)} \u00d7`, held.type]);
  return make("dl", {class: "live-fields"}, ...rows.flatMap(([name, text]) => [make("dt", {}, printable(name)), make("dd", {}, printable(text))]));
}

// A node of the tree; the way along which most is held lies open.
function branch(node, all, open) {
  const words = [node.name && make("b", {}, printable(node.name)), node.what && make("span", {}, printable(node.what))].filter(Boolean);
  const line = [make("span", {class: "live-count"}, countText(node.objects)), ...words,
    make("span", {class: "live-share"}, shareText(node.objects, all))];
  if (!node.below.length) return make("p", {class: "live-leaf"}, ...line);
  return make("details", {open}, make("summary", {}, ...line), ...node.below.map((below, index) => branch(below, all, open && index === 0)));
}
