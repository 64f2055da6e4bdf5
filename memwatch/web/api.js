// Asks the program: every request bears the token, which came behind the # of the address and is kept for this tab alone.
"use strict";

const BASE = location.pathname.replace(/\/?$/, "/");
const KEPT = "memwatch-token";

class Refused extends Error {}

const api = {
  token: "",
  pid: 0,

  // Takes the token out of the address, so that it is in no history and no picture of the screen.
  findToken() {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
      sessionStorage.setItem(KEPT, given);
      history.replaceState(null, "", location.pathname + location.search);
    }
    api.token = given || sessionStorage.getItem(KEPT) || "";
  },

  keepToken(token) {
    api.token = token;
    sessionStorage.setItem(KEPT, token);
  },

  async fetch(path, options = {}) {
    const headers = {...options.headers, Authorization: `Bearer ${api.token}`};
    const answer = await fetch(BASE + path, {...options, headers, cache: "no-store", credentials: "omit"});
    if (answer.ok) return answer;
    const text = (await answer.text()).trim() || answer.statusText;
    throw new (answer.status === 401 ? Refused : Error)(text);
  },

  async read(what, words = {}) {
    const asked = new URLSearchParams({...api.pid && {pid: api.pid}, ...words});
    return (await api.fetch(`api/${what}?${asked}`)).json();
  },

  async change(what, words) {
    const body = JSON.stringify({...api.pid && {pid: api.pid}, ...words});
    return (await api.fetch(`api/${what}`, {method: "POST", body, headers: {"Content-Type": "application/json"}})).json();
  },

  // A file comes as a request with the token does, and is handed to the browser from there.
  async download(words) {
    const answer = await api.fetch(`api/file?${new URLSearchParams({pid: api.pid, ...words})}`);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "memwatch";
    const url = URL.createObjectURL(await answer.blob());
    const link = make("a", {href: url, download: name});
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  },
};
