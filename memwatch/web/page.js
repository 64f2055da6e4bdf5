// The page put together: which process, what it holds, what it can be asked, and what it has answered.
"use strict";

const PACE_MS = 2000;
const LOOKING_MS = 700;
const SLOWEST_MS = 30000;
const WAITS = [["5", "5 s"], ["30", "30 s"], ["60", "1 min"], ["300", "5 min"]];
const TABS = [["report", "Report"], ["types", "Types and holders"], ["profiles", "Flame graph"]];

const found = id => document.getElementById(id);

const live = {
  chart: null, jobs: null, profiles: null, reportView: null, pace: PACE_MS, timer: 0, processes: [], turns: 0, busy: false, again: false,

  start() {
    followTheme();
    api.findToken();
    found("theme").addEventListener("click", turnTheme);
    found("login").addEventListener("submit", event => { event.preventDefault(); api.keepToken(found("token").value); live.turn(); });
    live.makeTabs();
    live.chart = new MemoryChart(found("chart"), found("readout"));
    found("ranges").append(makeChoice("Time shown", "range", RANGES, seconds => live.chart.choose(Number(seconds))));
    found("ranges").querySelector("[value='0']").checked = true;
    live.jobs = new Jobs(found("jobs"), job => live.show(job), error => live.complain(error));
    live.profiles = new Profiles(found("panel-profiles"), live.jobs, error => live.complain(error));
    live.makeActions();
    found("process").addEventListener("change", event => live.choose(Number(event.target.value)));
    document.addEventListener("visibilitychange", () => { if (!document.hidden) live.turn(); });
    live.turn();
  },

  // One turn after the other, none while the page is hidden, and seldom where nobody answers.
  async turn() {
    clearTimeout(live.timer);
    if (document.hidden) return;
    live.again = live.busy;
    if (live.busy) return;
    live.busy = true;
    try {
      await live.look();
      live.pace = live.jobs.isBusy ? LOOKING_MS : PACE_MS;
      live.complain(null, "turn");
    } catch (error) {
      if (error instanceof Refused) return live.askToken(error);
      live.pace = Math.min(SLOWEST_MS, 2 * live.pace);
      live.complain(error, "turn");
    } finally {
      live.busy = false;
    }
    clearTimeout(live.timer);
    live.timer = setTimeout(() => live.turn(), live.again ? 0 : live.pace);
  },

  async look() {
    if (live.turns++ % 3 === 0 || !live.processes.length) await live.lookAround();
    const {pid} = api, readings = await api.read("readings", {since: live.chart.last()});
    if (pid !== api.pid) return;
    live.chart.add(readings);
    live.drawEvents();
    await live.jobs.look();
    live.profiles.offer();
  },

  async lookAround() {
    const {processes} = await api.read("processes");
    if (!api.token) return;
    live.processes = processes;
    if (!processes.length) throw new Error("memwatch does not watch this process: it was stopped");
    if (!processes.some(({pid}) => pid === api.pid)) live.choose(processes[0].pid, false);
    found("login").hidden = true;
    found("main").hidden = false;
    live.drawProcesses();
    live.drawStatus(processes.find(({pid}) => pid === api.pid));
    live.chart.fit();
  },

  askToken(error) {
    found("main").hidden = true;
    found("login").hidden = false;
    found("refused").textContent = api.token ? error.message : "It stands behind the # in the address that memwatch.serve().url prints.";
    found("state").textContent = "closed";
    found("token").focus();
  },

  choose(pid, anew = true) {
    if (api.pid === pid) return;
    api.pid = pid;
    live.chart.clear();
    live.jobs.clear();
    live.profiles.clear();
    live.turns = 0;
    if (anew) live.turn();
  },

  // --- what is shown ---

  drawProcesses() {
    const {processes} = live, select = found("process");
    found("choose").hidden = processes.length < 2;
    const text = it => it.error ? `${it.pid}  does not answer` : `${it.pid}  ${it.state}  ${mib(it.base_bytes)}`;
    select.replaceChildren(...processes.map(it => make("option", {value: it.pid, selected: it.pid === api.pid}, text(it))));
  },

  drawStatus(status) {
    if (!status || status.error) return live.complain(new Error(status?.error ?? "this process has ended"), "turn");
    const {state} = status, program = printable(status.program || status.command?.[0]?.split(/[\\/]/).at(-1) || "Python");
    found("state").textContent = state;
    found("state").className = `stamp live-${state}`;
    found("pid").textContent = `pid ${status.pid}, watched for ${ageText(status.age_seconds)}, ${status.backend}`;
    found("name").textContent = program;
    const leak = status.leaks.at(-1);
    found("thinks").textContent = printable(leak ? `${status.culprit || "memory"} leaks, ${bytesText(leak.rate_bytes_per_hour)} an hour` : status.thinks);
    document.title = `${state === "leak" ? "LEAK " : ""}${program} \u2013 memwatch`;
    const {cost} = status, grows = status.growth?.rate_bytes_per_hour;
    const figures = [
      ["Base", mib(status.base_bytes), "what Python and C hold"],
      ["Resident", mib(status.rss_bytes), "of this machine"],
      ["Growth", grows == null ? "\u2013" : `${bytesText(grows, true)}/h`, status.growth ? `over ${ageText(status.growth.seconds)}` : ""],
      ["Cost of watching", `${(100 * cost.cpu_share).toFixed(2)} %`, `of a CPU, longest pause ${(1000 * cost.longest_pause_seconds).toFixed(0)} ms`],
    ];
    found("figures").replaceChildren(...figures.map(([term, value, note]) =>
      make("div", {}, make("dt", {}, term), make("dd", {}, make("b", {}, value), note))));
  },

  drawEvents() {
    const {events} = live.chart;
    found("events").replaceChildren(...events.slice(-8).reverse().map(event => make("li", {class: `live-${event.kind}`},
      make("b", {}, event.kind), make("span", {}, DATE.format(event.time * 1000)), make("span", {}, printable(event.text)),
      ...event.leak ? [make("button", {type: "button", class: "flame-button", click: () => live.openLeak(event.leak)}, "Show report")] : [])));
  },

  complain(error, kind = "") {
    const problem = found("problem");
    if (!error && problem.dataset.kind !== kind) return;
    problem.hidden = !error;
    problem.dataset.kind = kind;
    problem.textContent = error ? printable(error.message) : "";
  },

  // --- what can be asked ---

  makeActions() {
    const wait = make("select", {"aria-label": "Time between two looks"}, ...WAITS.map(([value, text]) => make("option", {value, selected: value === "30"}, text)));
    const seconds = () => Number(wait.value);
    const button = (text, title, question) => make("button", {type: "button", class: "flame-button", title, click: () => live.begin(question())}, text);
    found("actions").append(
      make("label", {}, "Within ", wait),
      button("Report", "What grows, who allocated it, who holds it", () => ({ask: "report", seconds: seconds()})),
      button("Types", "Which types come and go", () => ({ask: "diff", seconds: seconds()})),
      button("Profile", "Who allocates what stays", () => ({ask: "profile", seconds: seconds()})),
      make("span", {class: "live-or"}, "or at once"),
      button("Profile so far", "What is alive of all that was sampled since watching began", () => ({ask: "profile"})),
      button("Collect garbage", "A full collection", () => ({ask: "gc"})),
      button("Heap snapshot", "The heap as a file for Chrome DevTools", () => ({ask: "snapshot"})));
  },

  begin(question) {
    live.complain(null);
    return live.jobs.begin(question).then(() => live.turn());
  },

  // --- what it has answered ---

  show(job) {
    const {question: {ask}, answer} = job;
    if (ask === "report") live.showReport(answer.page);
    if (ask === "diff") live.showTypes(answer.diff, job);
    if (ask === "holders") found("holders").replaceChildren(holdersView(answer));
    if (ask === "holders" || ask === "diff") live.open("types");
    if (ask === "holders") found("holders").scrollIntoView({block: "nearest"});
    if (ask === "profile") { live.open("profiles"); live.profiles.show(job.job); }
    if (ask === "gc") live.tell(`Collected in ${(1000 * answer.seconds).toFixed(0)} ms: ${mib(answer.before_bytes)} before, ${mib(answer.after_bytes)} now.`);
    if (ask === "snapshot") live.jobs.save(job.job, "heapsnapshot");
  },

  tell(text) {
    found("problem").hidden = false;
    found("problem").dataset.kind = "";
    found("problem").textContent = text;
  },

  async openLeak(number) {
    try {
      live.showReport((await api.read("leak", {leak: number})).page);
    } catch (error) {
      live.complain(error);
    }
  },

  // The report is a page of its own, in which text of the program is escaped; its parts are shown here, and no script of it runs.
  showReport(page) {
    const bare = page.replace(/<style>[^]*?<\/style>/, "");  // this page has the same, and its policy allows no other
    const parsed = new DOMParser().parseFromString(bare, "text/html"), panel = found("panel-report");
    const head = make("div", {class: "top"}, ...parsed.querySelector("header").children);
    live.reportView?.close();
    const sections = [...parsed.querySelectorAll("main > *")].filter(part => !part.querySelector(".curve"));  // it stands above
    panel.replaceChildren(head, ...sections);
    const data = JSON.parse(parsed.getElementById("data").textContent), graph = panel.querySelector("#growth");
    live.open("report");
    live.reportView = data && graph ? flameGraph(graph, data) : null;
    for (const cell of panel.querySelectorAll(".types tbody th")) {
      const type = cell.textContent;
      if (!/^[\w.<>]+$/.test(type)) continue;
      cell.replaceChildren(make("button", {type: "button", class: "live-type", click: () => live.begin({ask: "holders", type})}, type));
    }
  },

  showTypes(diff, {question}) {
    const {before, after} = diff;
    const note = `Within ${question.seconds} s: ${countText(before.nodes)} objects before, ${countText(after.nodes)} after. Choose a type to see who holds its objects.`;
    found("diff").replaceChildren(make("p", {class: "note"}, note), typesTable(diff, type => live.begin({ask: "holders", type})));
  },

  // --- tabs ---

  makeTabs() {
    const panel = (id, ...inside) => make("div", {role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, tabindex: "0"}, ...inside);
    const note = text => make("p", {class: "note"}, text);
    found("panels").append(panel("report", note("No report was made yet: ask for one above, or open that of a leak.")),
      panel("types", make("div", {id: "holders"}), make("div", {id: "diff"}, note("Ask for types above: what came and went between two looks."))),
      panel("profiles"));
    found("tabs").append(...TABS.map(([id, text]) => make("button", {type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`,
      click: () => live.open(id), keydown: event => live.moveTab(event, id)}, text)));
    live.open("report");
  },

  open(chosen) {
    for (const [id] of TABS) {
      found(`panel-${id}`).hidden = id !== chosen;
      found(`tab-${id}`).setAttribute("aria-selected", String(id === chosen));
      found(`tab-${id}`).tabIndex = id === chosen ? 0 : -1;
    }
  },

  moveTab(event, id) {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    const index = TABS.findIndex(([other]) => other === id), next = TABS[(index + step + TABS.length) % TABS.length][0];
    live.open(next);
    found(`tab-${next}`).focus();
  },
};

function ageText(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86400)} days`;
}

globalThis.memwatch = live;
live.start();
