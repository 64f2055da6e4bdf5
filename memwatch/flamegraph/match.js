// Which texts a query matches: those that contain "text" in whatever case, or that fit "/regex/".
//
// A regular expression is tried in a worker. Some would take for ever; the worker is ended then, and the page, which
// never waited, says so.
"use strict";

const PATIENCE_MS = 2000;
const WORKER = `onmessage = ({data: {source, texts}}) => {
  const regex = new RegExp(source, "i");
  postMessage(texts.map(text => regex.test(text)));
};`;

// Calls `answer(hits, fault)`, at once or later: a truth value for each text (null where nothing is asked), or what is
// wrong. Returns a function that calls a later answer off, null where there was one at once.
function match(texts, query, answer) {
  const pattern = /^\/(.+)\/$/.exec(query);
  if (pattern) return matchRegex(texts, pattern[1], answer);
  const wanted = query.toLowerCase();
  answer(wanted ? texts.map(text => text.toLowerCase().includes(wanted)) : null, "");
  return null;
}

function matchRegex(texts, source, answer) {
  const url = URL.createObjectURL(new Blob([WORKER], {type: "text/javascript"}));
  try {
    new RegExp(source, "i");  // throws where it is none
    return ask(new Worker(url), {source, texts}, answer);
  } catch (error) {
    answer(null, error.message);
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}

function ask(worker, question, answer) {
  const stop = () => { clearTimeout(timer); worker.terminate(); };
  const end = (hits, fault) => { stop(); answer(hits, fault); };
  const timer = setTimeout(() => end(null, "this regular expression takes too long"), PATIENCE_MS);
  worker.onmessage = ({data}) => end(data, "");
  worker.onerror = () => end(null, "no regular expressions here: the browser allows no worker");
  worker.postMessage(question);
  return stop;
}
