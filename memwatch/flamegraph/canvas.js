// The picture: paints the part of the tree that is in view and tells which node lies under a point. Keeps no state.
//
// A scene says what is to be seen: {tree, layout, from, to (the part of the row in view, in the layout's measure),
// zoom, focus, hover, found, flipped, top (pixels scrolled away), width, height, palette}.
"use strict";

const ROW = 22;
const PAD = 6;
const HUES = {[KIND.none]: [25, 100], [KIND.app]: [25, 95], [KIND.installed]: [150, 230], [KIND.library]: [240, 320]};
const INKS = ["app", "installed", "library", "more", "less", "plain", "match", "faint", "ink", "ink-quiet", "ink-match",
  "ink-faint", "focus", "hover"];
const STEPS = 10;  // shades between no change and nothing but change

// The colours of a scene, from the style sheet's custom properties as they hold for *element* now.
function readPalette(element) {
  const style = getComputedStyle(element);
  const read = name => style.getPropertyValue(`--flame-${name}`).trim();
  const palette = {font: read("font"), frames: []};
  for (const name of INKS) palette[name] = read(name);
  palette[KIND.none] = palette[KIND.app] = palette.app;
  palette[KIND.installed] = palette.installed;
  palette[KIND.library] = palette.library;
  return palette;
}

// A small even hash (FNV-1a), so that a file has the same colour on every page.
function hash(text) {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value ^ value >>> 15) >>> 0;
}

function frameColour(tree, palette, index) {
  if (palette.frames[index]) return palette.frames[index];
  const {frames, strings} = tree.data;
  const kind = frames.kind[index];
  const group = strings[frames.group[index]];
  const [from, to] = HUES[kind];
  const plain = kind === KIND.none && group.startsWith("(");  // the root, and what stands for several frames
  palette.frames[index] = plain ? palette.plain : `oklch(${palette[kind]} ${from + hash(group) % (to - from)})`;
  return palette.frames[index];
}

// Red for growth, blue for what went; the paler, the more of the two cancel out.
function changeColour(layout, palette, node) {
  const share = layout.weight[node] ? layout.net[node] / layout.weight[node] : 0;
  const step = Math.round(Math.abs(share) * STEPS);
  if (!step) return palette.plain;
  return `color-mix(in oklab, ${share > 0 ? palette.more : palette.less} ${25 + 75 * step / STEPS}%, ${palette.plain})`;
}

function fillOf(scene, node) {
  const {tree, palette, found} = scene;
  if (found) return found.frames[tree.frame[node]] ? palette.match : palette.faint;
  return tree.signed ? changeColour(scene.layout, palette, node) : frameColour(tree, palette, tree.frame[node]);
}

function rowTop(scene, depth) {
  const floor = Math.max(scene.height, scene.tree.levels * ROW);
  return (scene.flipped ? floor - (depth + 1) * ROW : depth * ROW) - scene.top;
}

// Left and right edge of a node in pixels, cut at the edges of the picture.
function extent(scene, node) {
  const scale = scene.width / (scene.to - scene.from);
  const left = (scene.layout.start[node] - scene.from) * scale;
  return [Math.max(0, left), Math.min(scene.width, left + scene.layout.weight[node] * scale)];
}

function paint(context, scene) {
  const {tree, layout, palette, width, height} = scene;
  const slivers = new Int32Array(tree.levels).fill(-1);  // up to which pixel each row is taken by nodes under a pixel
  context.clearRect(0, 0, width, height);
  context.font = palette.font;
  context.textBaseline = "middle";
  const letter = context.measureText("0").width;
  for (let node = 0; node < tree.count;) {
    const [left, right] = extent(scene, node);
    const top = rowTop(scene, tree.depth[node]);
    const beyond = scene.flipped ? top < -ROW : top > height;
    if (right <= left || !layout.weight[node] || beyond) {
      node = tree.end[node];
    } else if (right - left < 1) {
      paintSliver(context, scene, slivers, node, Math.floor(left), top);
      node = tree.end[node];
    } else {
      if (top > -ROW && top < height) paintBox(context, scene, node, left, right, top, letter);
      node++;
    }
  }
  if (scene.hover >= 0) outline(context, scene, scene.hover, palette.hover, 1);
  if (scene.focus >= 0) outline(context, scene, scene.focus, palette.focus, 2);
}

// Nodes under a pixel share it: the first shows, and in a search one that leads to a match.
function paintSliver(context, scene, slivers, node, pixel, top) {
  const {tree, palette, found} = scene;
  const depth = tree.depth[node];
  const matches = found && found.within[node];
  if (pixel <= slivers[depth] && !matches) return;
  slivers[depth] = pixel;
  context.fillStyle = matches ? palette.match : fillOf(scene, node);
  context.fillRect(pixel, top, 1, ROW - 1);
}

function paintBox(context, scene, node, left, right, top, letter) {
  const gap = right - left > 3 ? 1 : 0.25;
  context.fillStyle = fillOf(scene, node);
  if (right - left > 8) {
    context.beginPath();
    context.roundRect(left, top, right - left - gap, ROW - 1, 2.5);
    context.fill();
  } else {
    context.fillRect(left, top, right - left - gap, ROW - 1);
  }
  const room = Math.floor((right - left - 2 * PAD) / letter);
  if (room > 2) paintLabel(context, scene, node, left + PAD, right - PAD, top + ROW / 2, room, letter);
}

// The function; where there is room also its place, and its amount at the right.
function paintLabel(context, scene, node, left, right, middle, room, letter) {
  const {palette, found, layout, tree} = scene;
  const {name, short} = tree.words[tree.frame[node]];
  const matches = found && found.frames[tree.frame[node]];
  const [ink, quiet] = matches ? [palette["ink-match"], palette["ink-match"]]
    : found ? [palette["ink-faint"], palette["ink-faint"]] : [palette.ink, palette["ink-quiet"]];
  const title = cut(name, room);
  context.fillStyle = ink;
  context.fillText(title, left, middle, right - left);
  let rest = room - title.length - 2;
  context.fillStyle = quiet;
  if (short && short.length <= rest) {
    context.fillText(short, left + (title.length + 1) * letter, middle, right - left);
    rest -= short.length;
  }
  const amount = (layout.metric === "bytes" ? bytesText : countText)(layout.net[node], tree.signed);
  if (amount.length + 2 > rest) return;
  context.textAlign = "right";
  context.fillText(amount, right, middle);
  context.textAlign = "left";
}

function outline(context, scene, node, colour, thickness) {
  const [left, right] = extent(scene, node);
  if (right < left || !scene.layout.weight[node]) return;
  const top = rowTop(scene, scene.tree.depth[node]);
  context.strokeStyle = colour;
  context.lineWidth = thickness;
  context.beginPath();
  const width = Math.max(3, right - left - 1) - thickness;
  context.roundRect(left + thickness / 2, top + thickness / 2, width, ROW - 1 - thickness, 2.5);
  context.stroke();
}

// The node at a point of the picture; -1 where there is none.
function nodeAt(scene, x, y) {
  const {tree, layout} = scene;
  const offset = rowTop(scene, 0);
  const depth = scene.flipped ? Math.floor((offset + ROW - y) / ROW) : Math.floor((y - offset) / ROW);
  const spot = scene.from + x / scene.width * (scene.to - scene.from);
  for (let node = 0; node < tree.count;) {
    const inside = spot >= layout.start[node] && spot < layout.start[node] + layout.weight[node];
    if (inside && tree.depth[node] === depth) return node;
    node = inside ? node + 1 : tree.end[node];
  }
  return -1;
}
