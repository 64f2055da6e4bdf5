// The elements of the graph: its bar, picture, panel and help. They say what happens to them by calling the view.
//
// Names are text of strangers: they reach the page as text nodes only.
"use strict";

const KEYS = [
  ["\u2190 \u2192 \u2191 \u2193", "move to the neighbour, the caller, the largest callee"],
  ["Enter", "zoom into the focused frame"],
  ["Backspace", "zoom out by one"],
  ["Escape", "end the search, then show everything again"],
  ["Home", "focus the widest frame in view"],
  ["/", "search by text, or by /regex/"],
  ["n N", "next and previous match"],
  ["b", "widths by bytes or by count"],
  ["f", "turn upside down"],
  ["h", "graph or heaviest functions"],
  ["t", "light or dark"],
  ["?", "these keys"],
];

// An element with attributes (functions become listeners) and children (strings become text).
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function makeButton(text, title, click) {
  return make("button", {type: "button", class: "flame-button", title, click}, text);
}

// A choice of one of several, reached and turned by the browser's own keys for radio buttons.
function makeChoice(title, name, options, change) {
  const labels = options.map(([value, text], index) => make("label", {},
    make("input", {type: "radio", name, value, checked: index === 0, change: () => change(value)}),
    make("span", {}, text)));
  return make("fieldset", {class: "flame-choice"}, make("legend", {class: "flame-unseen"}, title), ...labels);
}

function makeHelp() {
  const lines = KEYS.flatMap(([keys, text]) =>
    [make("dt", {}, ...keys.split(" ").map(key => make("kbd", {}, key))), make("dd", {}, text)]);
  return make("dialog", {class: "flame-help", "aria-label": "Keys"}, make("h2", {}, "Keys"), make("dl", {}, ...lines),
    make("form", {method: "dialog"}, make("button", {class: "flame-button"}, "Close")));
}

function makePicture(view) {
  const canvas = make("canvas", {class: "flame-canvas", "aria-hidden": "true"});
  const sheet = make("div", {class: "flame-sheet"}, canvas);
  const picture = make("div", {
    class: "flame-picture", tabindex: "0", role: "application", "aria-roledescription": "flame graph",
    "aria-label": "Flame graph: arrow keys move, Enter zooms, question mark helps",
    scroll: () => view.scroll(), mousemove: event => view.hover(event), mouseleave: () => view.leave(),
    click: event => view.click(event),
  }, sheet);
  return {canvas, sheet, picture};
}

function makeBar(view, name) {
  const kinds = [["graph", "Graph"], ["table", "Heaviest"]], widths = [["bytes", "Bytes"], ["count", view.tree.counted.title]];
  const views = makeChoice("View", `${name}-view`, kinds, kind => view.show(kind));
  const metrics = makeChoice("Width by", `${name}-metric`, widths, metric => view.weigh(metric));
  const box = make("input", {
    type: "search", class: "flame-search", placeholder: "Search: text or /regex/", spellcheck: "false", autocomplete: "off",
    "aria-label": "Search functions and files", input: () => view.seek(),
  });
  const answer = make("output", {class: "flame-answer"});
  const tools = make("span", {class: "flame-tools"},
    makeButton("Reset", "Show everything (Escape)", () => view.zoom(0)), makeButton("Flip", "Turn upside down (f)", () => view.flip()),
    makeButton("Theme", "Light or dark (t)", turnTheme), makeButton("?", "Keys (?)", () => view.parts.help.showModal()));
  return {views, metrics, box, answer, bar: make("div", {class: "flame-bar"}, views, metrics, box, answer, tools)};
}

// All parts by name, put together in the container.
function makeParts(container, view) {
  const name = `flame${document.querySelectorAll(".flame").length}`;
  const parts = {
    ...makePicture(view),
    ...makeBar(view, name),
    crumbs: make("nav", {class: "flame-crumbs", "aria-label": "Zoomed into"}),
    details: make("aside", {class: "flame-details", "aria-label": "Focused frame"}),
    table: functionTable(view.tree, words => view.find(words.name)),
    tip: make("div", {class: "flame-tip", hidden: true}),
    spoken: make("p", {class: "flame-unseen", "aria-live": "polite"}),
    help: makeHelp(),
  };
  container.classList.add("flame");
  container.append(parts.bar, parts.crumbs, make("div", {class: "flame-body"}, parts.picture, parts.details),
    parts.table.element, legend(view.tree), parts.tip, parts.spoken, parts.help);
  return parts;
}

function turnTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
}

// Light or dark as the reader's system says, until the reader says otherwise; a change of the system counts again.
function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", follow);
  follow();
}
