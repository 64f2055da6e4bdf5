// Memory over time, by uPlot: the base, resident memory, collections, suspicions and leaks. It holds a bounded number of
// readings, however long the page is open.
"use strict";

const MOST_POINTS = 20000;
const RANGES = [["900", "15 min"], ["3600", "1 h"], ["21600", "6 h"], ["0", "All"]];
const MIB = 1048576;
const CLOCK = new Intl.DateTimeFormat([], {hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"});
const MINUTE = new Intl.DateTimeFormat([], {hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
const DATE = new Intl.DateTimeFormat([], {month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23"});

const ink = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const mib = value => value == null ? "" : `${(value / MIB).toFixed(value < 100 * MIB ? 2 : 1)} MiB`;

// As exactly as the distance between two ticks needs.
function timeText(time, step) {
  return (step < 60 ? CLOCK : step < 86400 ? MINUTE : DATE).format(time * 1000);
}

class MemoryChart {
  constructor(container, readout) {
    this.container = container;
    this.readout = readout;
    this.clear();
    this.range = 0;
    this.zoomed = false;
    this.plot = new uPlot(this.options(), this.data(), container);
    container.addEventListener("keydown", event => this.key(event));
    container.addEventListener("dblclick", () => this.choose(this.range));
    new ResizeObserver(() => this.fit()).observe(container);
    new MutationObserver(() => this.plot.redraw(false)).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  }

  clear() {
    this.columns = {time: [], base: [], rss: [], full: []};
    this.events = [];
  }

  data() {
    const {time, base, rss} = this.columns;
    return [time, base, rss];
  }

  last() {
    return this.columns.time.at(-1) ?? 0;
  }

  add(found) {
    const {columns} = this;
    for (const name of Object.keys(columns)) columns[name] = columns[name].concat(found[name]);
    while (columns.time.length > MOST_POINTS) {
      for (const name of Object.keys(columns)) columns[name] = columns[name].filter((_, index) => index % 2 === 0);
    }
    this.events = found.events;
    this.plot.setData(this.data(), false);
    if (!this.zoomed) this.follow();
    else this.plot.redraw();
  }

  // The last so many seconds, or everything.
  choose(seconds) {
    this.range = seconds;
    this.zoomed = false;
    this.follow();
  }

  follow() {
    const {time} = this.columns, last = this.last();
    if (!time.length) return;
    const first = this.range ? Math.max(time[0], last - this.range) : time[0];
    this.plot.setScale("x", {min: first, max: Math.max(last, first + 1)});
  }

  fit() {
    const width = this.container.clientWidth;
    if (width) this.plot.setSize({width, height: width < 600 ? 220 : 280});
  }

  options() {
    const axis = {
      stroke: () => ink("quiet"), grid: {stroke: () => ink("line"), width: 1}, ticks: {stroke: () => ink("line"), width: 1},
      font: "12px system-ui, sans-serif",
    };
    const line = (label, name, width) => ({label, stroke: () => ink(name), width, points: {show: false}});
    return {
      width: 800, height: 280, padding: [16, 32, 0, 0], legend: {show: false},
      cursor: {points: {size: 8}, drag: {x: true, y: false}, dataIdx: (_, __, index) => index},
      scales: {x: {time: true}, y: {range: (_, low, high) => this.rangeOf(low, high)}},
      series: [{}, {...line("base", "accent", 2), fill: () => `color-mix(in srgb, ${ink("accent")} 12%, transparent)`},
        line("resident", "flame-focus", 1.2)],
      axes: [{...axis, space: 90, values: (_, ticks, __, ___, step) => ticks.map(tick => timeText(tick, step))}, {...axis, size: 74, values: (_, ticks) => ticks.map(tick => `${+(tick / MIB).toPrecision(4)} MiB`),
        incrs: [...Array(48).keys()].map(power => 2 ** (power + 10))}],
      hooks: {
        drawClear: [plot => this.drawSuspicions(plot)], draw: [plot => this.drawMarks(plot)],
        setCursor: [plot => this.say(plot.cursor.idx)],
        setSelect: [plot => { this.zoomed ||= plot.select.width > 0; }],
      },
    };
  }

  rangeOf(low, high) {
    if (low == null) return [0, MIB];
    const room = Math.max((high - low) * 0.08, 65536);
    return [Math.max(0, low - room), high + room];
  }

  // From each suspicion until a leak is told, or until now.
  drawSuspicions({ctx, bbox, valToPos}) {
    ctx.save();
    ctx.fillStyle = ink("leak-soft");
    this.events.forEach((event, index) => {
      if (event.kind !== "suspect") return;
      const next = this.events.slice(index + 1).find(other => other.kind !== "suspect");
      const [left, right] = [event.time, next?.time ?? this.last()].map(time => this.across(valToPos(time, "x", true), bbox));
      ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
    });
    ctx.restore();
  }

  across(x, {left, width}) {
    return Math.min(Math.max(x, left), left + width);
  }

  drawMarks({ctx, bbox, valToPos}) {
    const {time, full} = this.columns, ratio = devicePixelRatio || 1, bottom = bbox.top + bbox.height;
    const inside = x => x >= bbox.left && x <= bbox.left + bbox.width;
    ctx.save();
    ctx.strokeStyle = ink("quiet");
    ctx.beginPath();
    for (let index = 1, drawn = -1; index < time.length; index++) {
      if (full[index] <= full[index - 1]) continue;
      const x = Math.round(valToPos(time[index], "x", true));
      if (x < drawn + 3 * ratio && drawn >= 0 || !inside(x)) continue;
      drawn = x;
      ctx.moveTo(x + 0.5, bottom - 7 * ratio);
      ctx.lineTo(x + 0.5, bottom);
    }
    ctx.stroke();
    for (const event of this.events) {
      const x = valToPos(event.time, "x", true);
      if (event.kind === "suspect" || !inside(x)) continue;
      ctx.strokeStyle = ctx.fillStyle = ink(event.kind === "leak" ? "leak" : "quiet");
      ctx.lineWidth = 1.5 * ratio;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bottom);
      ctx.stroke();
      ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
      ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
      ctx.fillText(event.kind, x + (ctx.textAlign === "right" ? -5 : 5) * ratio, bbox.top + 12 * ratio);
    }
    ctx.restore();
  }

  say(index) {
    const {time, base, rss} = this.columns;
    this.readout.textContent = index == null || time[index] === undefined ? ""
      : `${CLOCK.format(time[index] * 1000)}   base ${mib(base[index])}   resident ${mib(rss[index])}`;
  }

  key(event) {
    const steps = {ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity};
    if (!Object.hasOwn(steps, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const {plot} = this, {min, max} = plot.scales.x, {time} = this.columns;
    const [first, last] = plot.series[0].idxs ?? [0, time.length - 1];
    const now = plot.cursor.idx ?? last;
    const index = Math.min(last, Math.max(first, now + steps[event.key]));
    const left = (time[index] - min) / (max - min) * plot.over.clientWidth;
    plot.setCursor({left, top: plot.valToPos(this.columns.base[index], "y")});
  }
}
