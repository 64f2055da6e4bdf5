// What the program was asked for: begun by a button, collected when it is done. The program keeps the answers; the page
// has those alone that it shows, and finds the others again when it is opened anew.
"use strict";

const ASKS = {report: "Report", diff: "Types that came and went", profile: "Profile", holders: "Holders", gc: "Collection", snapshot: "Heap snapshot"};
const KINDS = {
  report: [["html", "Page"], ["json", "JSON"], ["text", "Text"]],
  diff: [["json", "JSON"], ["text", "Text"]],
  profile: [["pprof", "pprof"], ["heapprofile", "DevTools"], ["speedscope", "speedscope"], ["flamegraph", "Flame graph"]],
  holders: [["json", "JSON"]],
  snapshot: [["heapsnapshot", "Save"]],
  gc: [],
};

class Jobs {
  // *show(job)* gets each job that ends while the page looks on, with its answer; *fail(error)* what goes wrong.
  constructor(list, show, fail) {
    this.list = list;
    this.show = show;
    this.fail = fail;
    this.looking = Promise.resolve();
    this.clear();
  }

  clear() {
    this.known = [];
    this.wanted = new Set();
    this.draw();
  }

  get isBusy() {
    return this.known.some(job => job.state === "running");
  }

  done(ask) {
    return this.known.filter(job => job.state === "done" && job.question.ask === ask);
  }

  async begin(question) {
    try {
      const {job} = await api.change("begin", question);
      this.wanted.add(job);
      await this.look();
    } catch (error) {
      this.fail(error);
    }
  }

  // One look after the other, so that each answer is shown in its turn.
  look() {
    this.looking = this.looking.catch(() => {}).then(() => this.lookOnce());
    return this.looking;
  }

  async lookOnce() {
    const {pid} = api, {jobs} = await api.read("jobs");
    if (pid !== api.pid) return;
    this.known = jobs;
    this.draw();
    for (const job of jobs) {
      if (job.state === "running" || !this.wanted.delete(job.job)) continue;
      if (job.state === "done") await this.open(job.job);
      else this.fail(new Error(`${ASKS[job.question.ask]}: ${job.error}`));
    }
  }

  async open(number) {
    try {
      this.show(await api.read("job", {job: number}));
    } catch (error) {
      this.fail(error);
    }
  }

  async drop(number) {
    try {
      await api.change("drop", {job: number});
      await this.look();
    } catch (error) {
      this.fail(error);
    }
  }

  async save(number, kind) {
    try {
      await api.download({job: number, as: kind});
    } catch (error) {
      this.fail(error);
    }
  }

  draw() {
    this.list.replaceChildren(...[...this.known].reverse().map(job => this.row(job)));
  }

  row(job) {
    const {question: {ask}, state, begun} = job;
    const what = make("b", {}, printable(this.titleOf(job))), when = make("span", {}, CLOCK.format(begun * 1000));
    const button = (text, click) => make("button", {type: "button", class: "flame-button", click}, text);
    const ends = [];
    if (state === "running") ends.push(make("span", {class: "live-left"}, this.leftOf(job)), button("Cancel", () => this.drop(job.job)));
    if (state === "failed") ends.push(make("span", {class: "live-failed"}, printable(job.error)));
    if (state === "done") {
      if (ask !== "snapshot") ends.push(button("Show", () => this.open(job.job)));
      ends.push(...KINDS[ask].map(([kind, text]) => button(text, () => this.save(job.job, kind))));
    }
    if (state !== "running") ends.push(button("Forget", () => this.drop(job.job)));
    return make("li", {class: `live-${state}`}, what, when, make("span", {class: "live-ends"}, ...ends));
  }

  titleOf({question}) {
    if (question.type) return `${ASKS.holders} of ${question.type}`;
    if (question.ask === "profile" && !question.seconds) return "Profile since watching began";
    return question.seconds ? `${ASKS[question.ask]}, ${question.seconds} s` : ASKS[question.ask];
  }

  leftOf({begun, question}) {
    const left = Math.ceil(begun + (question.seconds ?? 0) - Date.now() / 1000);
    return left > 0 ? `${left} s left` : "looking";
  }
}
