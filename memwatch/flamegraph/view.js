// The flame graph as a part of a page: `flameGraph(container, data)` fills *container* with the picture and all that
// belongs to it, moved by mouse and keyboard.
"use strict";

const GLIDE_MS = 160;
const CRUMBS = 8;

class FlameView {
  constructor(container, data) {
    const tree = this.tree = readTree(data);
    this.layouts = {bytes: measure(tree, "bytes"), count: measure(tree, "count")};
    this.container = container;
    this.scene = {tree, layout: this.layouts.bytes, zoom: 0, focus: 0, hover: -1, found: null, flipped: false,
      from: 0, to: 1, top: 0, width: 1, height: 1, palette: null};
    this.hits = this.asking = null;
    this.frame = this.gliding = 0;
    this.keys = this.bindKeys();
    this.parts = makeParts(container, this);
    this.context = this.parts.canvas.getContext("2d");
    container.addEventListener("keydown", event => this.key(event));
    this.sized = new ResizeObserver(() => this.fit());
    this.sized.observe(this.parts.picture);
    this.themed = new MutationObserver(() => this.restyle());
    this.themed.observe(document.documentElement, {attributeFilter: ["data-theme"]});
    const empty = !this.layouts.bytes.weight[0];
    this.weigh(empty && this.layouts.count.weight[0] ? "count" : "bytes");
    container.classList.toggle("flame-empty", empty && !this.layouts.count.weight[0]);
  }

  // For a page that shows another one in its place.
  close() {
    this.sized.disconnect();
    this.themed.disconnect();
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.gliding);
  }

  // --- painting ---

  repaint() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.paint(); });
  }

  paint() {
    this.scene.palette ||= readPalette(this.container);
    paint(this.context, this.scene);
  }

  restyle() {
    this.scene.palette = null;
    this.repaint();
  }

  fit() {
    const {picture, sheet, canvas} = this.parts, {scene} = this;
    if (!picture.clientWidth) return;
    const ratio = devicePixelRatio || 1;
    scene.width = picture.clientWidth;
    scene.height = picture.clientHeight;
    sheet.style.height = `${this.tree.levels * ROW}px`;
    canvas.style.width = `${scene.width}px`;
    canvas.style.height = `${scene.height}px`;
    canvas.width = Math.round(scene.width * ratio);
    canvas.height = Math.round(scene.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paint();
  }

  // Moves the picture to another part of the row, at once for who asks for less motion.
  glide(from, to) {
    const {scene} = this, began = performance.now(), first = [scene.from, scene.to];
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = now => {
      const part = still ? 1 : Math.min(1, Math.max(0, (now - began) / GLIDE_MS));
      const ease = 1 - (1 - part) ** 3;
      scene.from = first[0] + (from - first[0]) * ease;
      scene.to = first[1] + (to - first[1]) * ease;
      this.gliding = part < 1 ? requestAnimationFrame(step) : 0;
      this.paint();
    };
    cancelAnimationFrame(this.gliding);
    step(began);
  }

  // --- what is seen ---

  zoom(node, focused = node) {
    const {start, weight} = this.scene.layout;
    this.scene.zoom = node = weight[node] ? node : 0;
    this.leave();
    this.focus(focused);
    this.showCrumbs();
    this.glide(start[node], start[node] + (weight[node] || 1));
    this.reveal(node, true);
  }

  weigh(metric) {
    this.scene.layout = this.layouts[metric];
    this.parts.metrics.querySelector(`[value=${metric}]`).checked = true;
    this.parts.table.weigh(metric);
    this.scene.from = this.scene.to = 0;
    this.zoom(this.scene.zoom, this.scene.focus);
    this.seek();
  }

  flip() {
    this.scene.flipped = !this.scene.flipped;
    this.reveal(this.scene.zoom, true);
    this.paint();
  }

  show(kind) {
    this.parts.views.querySelector(`[value=${kind}]`).checked = true;
    this.container.classList.toggle("flame-as-table", kind === "table");
    this.fillTable();
  }

  // A table that nobody looks at is not made.
  fillTable() {
    if (this.container.classList.contains("flame-as-table")) this.parts.table.fill(this.hits);
  }

  // Scrolls so that a node's row is in view; with *first*, to where the eye begins, its callers above it.
  reveal(node, first = false) {
    const {scene, parts: {picture}} = this;
    const top = rowTop(scene, this.tree.depth[node]) + scene.top;
    const room = scene.height - ROW;
    if (first) picture.scrollTop = scene.flipped ? top - room + 2 * ROW : top - 2 * ROW;
    else if (top < scene.top) picture.scrollTop = top;
    else if (top > scene.top + room) picture.scrollTop = top - room;
    this.scroll();
  }

  scroll() {
    this.scene.top = this.parts.picture.scrollTop;
    this.repaint();
  }

  // --- one frame ---

  focus(node) {
    this.scene.focus = node;
    this.parts.details.replaceChildren(...describe(this.tree, this.scene.layout, node, other => this.visit(other)));
    this.parts.spoken.textContent = sentence(this.tree, this.scene.layout, node);
    this.reveal(node);
  }

  // Focuses a node wherever it is: outside the zoomed part, everything is shown again.
  visit(node) {
    const {zoom} = this.scene, {end} = this.tree;
    const inside = node >= zoom && node < end[zoom] || node < zoom && end[node] > zoom;
    if (!inside) this.zoom(0, node);
    this.focus(node);
  }

  showCrumbs() {
    const path = pathTo(this.tree, this.scene.zoom);
    const left = path.length > CRUMBS ? path.splice(1, path.length - CRUMBS) : [];
    const steps = path.map((node, index) => make("button", {
      type: "button", "aria-current": index === path.length - 1 && "location", click: () => this.zoom(node),
    }, cut(nameOf(this.tree, node), 40)));
    if (left.length) steps.splice(1, 0, make("span", {}, `\u2026 ${left.length} more`));
    this.parts.crumbs.replaceChildren(...steps);
  }

  point(event) {
    const edge = this.parts.canvas.getBoundingClientRect();
    return nodeAt(this.scene, event.clientX - edge.left, event.clientY - edge.top);
  }

  // The second half of a double click is none: by then another frame may lie under the pointer.
  click(event) {
    const node = this.point(event);
    if (node >= 0 && event.detail < 2) this.zoom(node);
  }

  hover(event) {
    if (this.gliding) return;
    const node = this.point(event), {tip, picture} = this.parts;
    if (node !== this.scene.hover) {
      this.scene.hover = node;
      tip.hidden = node < 0;
      picture.classList.toggle("flame-over", node >= 0);
      if (node >= 0) tip.replaceChildren(...tipLines(this.tree, this.scene.layout, node));
      this.repaint();
    }
    const {width, height} = tip.getBoundingClientRect();
    const below = event.clientY + 18, above = event.clientY - height - 10;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${below + height > innerHeight ? above : below}px`;
  }

  leave() {
    this.scene.hover = -1;
    this.parts.tip.hidden = true;
    this.repaint();
  }

  // --- search ---

  seek() {
    const texts = this.tree.words.map(({text}) => text);
    this.asking?.();
    this.say("searching\u2026");
    const answer = (hits, fault) => { this.asking = null; this.showFound(hits, fault); };
    this.asking = match(texts, this.parts.box.value.trim(), answer);
  }

  showFound(hits, fault = "") {
    const {tree, scene, parts: {box}} = this;
    this.hits = hits;
    scene.found = hits && search(tree, scene.layout, hits);
    box.setAttribute("aria-invalid", String(Boolean(fault)));
    this.say(fault || (hits ? foundText(tree, scene.layout, scene.found) : ""));
    this.container.classList.toggle("flame-seeking", Boolean(hits));
    this.fillTable();
    this.repaint();
  }

  say(text) {
    this.parts.answer.textContent = text;
  }

  find(text) {
    this.parts.box.value = text;
    this.seek();
    this.show("graph");
  }

  nextMatch(step) {
    const {tree, scene: {found, focus, layout}} = this;
    for (let far = 1; found && far <= tree.count; far++) {
      const node = (focus + step * far + tree.count * far) % tree.count;
      if (found.frames[tree.frame[node]] && layout.weight[node]) return this.visit(node);
    }
  }

  // --- keys ---

  // The next node with a width in the same row, as far as it is in view.
  beside(step) {
    const {tree, scene: {focus, zoom, layout}} = this;
    for (let node = focus + step; node > zoom && node < tree.end[zoom]; node += step) {
      if (tree.depth[node] === tree.depth[focus] && layout.weight[node]) return node;
    }
    return focus;
  }

  // The largest callee; above the zoomed node, the one that leads to it.
  callee() {
    const {tree, scene: {focus, zoom, layout}} = this;
    const leads = node => zoom <= focus || zoom < tree.end[node];
    for (let node = focus + 1; node < tree.end[focus]; node = tree.end[node]) {
      if (layout.weight[node] && leads(node)) return node;
    }
    return focus;
  }

  caller() {
    return Math.max(0, this.tree.parent[this.scene.focus]);
  }

  bindKeys() {
    const {scene} = this;
    const picture = {
      ArrowDown: () => this.focus(scene.flipped ? this.caller() : this.callee()),
      ArrowUp: () => this.focus(scene.flipped ? this.callee() : this.caller()),
      ArrowLeft: () => this.focus(this.beside(-1)),
      ArrowRight: () => this.focus(this.beside(1)),
      Home: () => this.focus(scene.zoom),
      Enter: () => this.zoom(scene.focus),
      Backspace: () => this.zoom(Math.max(0, this.tree.parent[scene.zoom])),
    };
    const anywhere = {
      "/": () => this.parts.box.select(),
      "?": () => this.parts.help.showModal(),
      n: () => this.nextMatch(1),
      N: () => this.nextMatch(-1),
      b: () => this.weigh(scene.layout.metric === "bytes" ? "count" : "bytes"),
      f: () => this.flip(),
      h: () => this.show(this.container.classList.contains("flame-as-table") ? "graph" : "table"),
      t: turnTheme,
      Escape: () => this.parts.box.value ? this.find("") : this.zoom(0),
    };
    const search = {
      Escape: () => { this.find(""); this.parts.picture.focus(); },
      Enter: () => { this.nextMatch(1); this.parts.picture.focus(); },
    };
    return {picture: {...anywhere, ...picture}, anywhere, search};
  }

  // What a key does depends on where it is pressed; keys that the page's own controls need stay theirs.
  key(event) {
    const {box, picture, help} = this.parts;
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || event.defaultPrevented) return;
    const graph = event.target === picture || event.target === document.body;
    const keys = event.target === box ? this.keys.search : graph ? this.keys.picture : this.keys.anywhere;
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }
}

// The graph in *container*; the answer's `key(event)` is for keys that are pressed outside of it.
function flameGraph(container, data) {
  return new FlameView(container, data);
}
