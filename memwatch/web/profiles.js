// The flame graph of a profile, or of what one has more than another.
"use strict";

class Profiles {
  constructor(panel, jobs, fail) {
    this.jobs = jobs;
    this.fail = fail;
    this.view = null;
    this.shown = "";
    this.which = make("select", {"aria-label": "Profile", change: () => this.draw()});
    this.base = make("select", {"aria-label": "Compared with", change: () => this.draw()});
    this.room = make("div", {});
    this.empty = make("p", {class: "note"}, "Nothing was taken yet: take a profile above. Of two, the difference is shown.");
    this.bar = make("div", {class: "live-bar", hidden: true}, make("label", {}, "Profile ", this.which), make("label", {}, "compared with ", this.base));
    panel.append(this.bar, this.empty, this.room);
  }

  clear() {
    this.close();
    this.offer();
  }

  // Fills the two choices with what there is.
  offer() {
    const done = this.jobs.done("profile"), text = job => `${CLOCK.format(job.begun * 1000)}, ${this.jobs.titleOf(job)}`;
    const fill = (select, options) => {
      const before = select.value;
      select.replaceChildren(...options);
      if ([...select.options].some(option => option.value === before)) select.value = before;
    };
    fill(this.which, done.map(job => make("option", {value: job.job}, text(job))).reverse());
    fill(this.base, [make("option", {value: ""}, "nothing"), ...done.map(job => make("option", {value: job.job}, text(job)))]);
    this.bar.hidden = !done.length;
    this.empty.hidden = done.length > 0;
  }

  show(number) {
    this.offer();
    this.which.value = number;
    if (this.base.value === String(number)) this.base.value = "";
    return this.draw();
  }

  async draw() {
    const [job, base] = [this.which.value, this.base.value];
    const words = {job, ...base && base !== job && {base}};
    const asked = this.shown = JSON.stringify(words);
    if (!job) return;
    try {
      const data = await api.read("graph", words);
      if (asked !== this.shown) return;
      this.close();
      const graph = make("div", {class: "graph-middle"});
      this.room.replaceChildren(graph);
      this.view = flameGraph(graph, data);
      const empty = graph.classList.contains("flame-empty");
      if (empty) this.room.replaceChildren(make("p", {class: "note"}, words.base ? "Nothing changed between the two." : "Nothing of what was sampled is alive."));
    } catch (error) {
      this.fail(error);
    }
  }

  close() {
    this.view?.close();
    this.view = null;
    this.room.replaceChildren();
  }
}
