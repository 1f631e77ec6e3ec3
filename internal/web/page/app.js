// Asks the agent how it stands, as often as it looks, and draws the answer.

import { clean, fill, keep, make, remake, say, show, table } from "./dom.js";
import { drawCharts, Past, recolour } from "./charts.js";
import { drawFindings, drawPast } from "./findings.js";
import { lasted, time } from "./words.js";

const $ = (id) => document.getElementById(id);
const spans = { "1h": 3600, "6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400 };
const marks = { good: "✓", warn: "!", bad: "✕", unknown: "?" };
const refreshPastEvery = 60_000;

const past = new Past();
const state = { doc: null, answered: 0, failing: null, known: null, lastTick: null, span: "1h", pastAt: -Infinity, pastKey: "" };

async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(8000), cache: "no-store" });
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Error(body.error || `status ${answer.status}`);
  }
  return answer.json();
}

/** Asks once and draws; tells in how many milliseconds to ask again. */
async function ask() {
  try {
    const doc = await get("api/v1/page");
    state.doc = doc;
    state.answered = performance.now();
    state.failing = null;
    draw(doc);
    await askPast(doc);
  } catch (error) {
    state.failing ??= { since: new Date(), why: error.message };
    freshness();
    return 3000;
  }
  const { interval_seconds: interval, age_seconds: age } = state.doc;
  const due = 1000 * (interval - (age ?? 0)) + 400;
  return Math.min(15_000, Math.max(1000, due || 1000));
}

/** Asks for the history, now and then and whenever the incidents changed. */
async function askPast(doc) {
  const key = `${state.span} ${doc.incidents.map((i) => `${i.uid} ${i.state}`).sort().join(" ")}`;
  const fresh = performance.now() - state.pastAt < refreshPastEvery;
  if (doc.history_problem === "no history is kept" || (fresh && key === state.pastKey)) return;
  state.pastAt = performance.now();
  state.pastKey = key;
  const names = [...new Set(doc.charts.flatMap((c) => c.lines.map((l) => l.series)))];
  const query = new URLSearchParams([["since", state.span], ["points", "360"], ...names.map((n) => ["name", n])]);
  const [series, incidents] = await Promise.allSettled([get(`api/v1/series?${query}`), get("api/v1/history?since=7d&limit=50")]);
  past.span = spans[state.span];
  if (series.status === "fulfilled") past.load(series.value.series, spans[state.span]);
  drawCharts($("charts"), doc.charts, past, Date.parse(doc.now) / 1000);
  if (incidents.status === "fulfilled") {
    const list = incidents.value.incidents.filter((i) => i.state !== "pending");
    drawPast($("past"), list, new Date(doc.now));
    say($("past-empty"), "No incident was seen.");
    show($("past-empty"), list.length === 0);
  }
  const why = [series, incidents].find((r) => r.status === "rejected")?.reason.message;
  pastProblem(why ?? doc.history_problem);
}

function pastProblem(why) {
  show($("past-problem"), Boolean(why));
  say($("past-problem"), why ? `The past is not there (${why}); the charts begin when this page was opened.` : "");
  if (why) say($("past-empty"), `The past is not there: ${why}.`);
}

function draw(doc) {
  const now = new Date(doc.now);
  $("top").dataset.tone = doc.tone;
  say($("mark"), marks[doc.tone]);
  const verdict = doc.verdict.charAt(0).toUpperCase() + doc.verdict.slice(1);
  say($("verdict"), verdict);
  say($("aside"), doc.aside ?? "");
  say($("where"), doc.where ?? "");
  const title = clean([`${marks[doc.tone]} ${doc.verdict}`, doc.where?.split(" · ")[0], "tcpdoctor"].filter(Boolean).join(" · "));
  if (document.title !== title) document.title = title;
  const icon = `icon-${doc.tone}.svg`;
  if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);

  const open = doc.incidents.filter((i) => i.state === "open");
  const pending = doc.incidents.filter((i) => i.state === "pending");
  drawFindings($("findings"), open, now);
  drawFindings($("watched"), pending, now);
  show($("watched-section"), pending.length > 0);
  show($("more"), Boolean(doc.more_incidents));
  say($("more"), doc.more_incidents ? `${doc.more_incidents} less urgent ones are not shown here: see the findings as JSON.` : "");
  announce(open);
  scope(doc, open);

  if (doc.last_tick && doc.last_tick !== state.lastTick) {
    state.lastTick = doc.last_tick;
    past.add(now.getTime() / 1000 - (doc.age_seconds ?? 0), doc.latest);
  }
  drawCharts($("charts"), doc.charts, past, now.getTime() / 1000);
  if (doc.history_problem) pastProblem(doc.history_problem);
  tables(doc.tables);
  agent(doc);
  freshness();
}

/** What the verdict rests on, and what it does not cover. */
function scope(doc, open) {
  const s = doc.scope;
  show($("calm"), Boolean(s) && open.length === 0);
  if (!s) return;
  say($("calm-scope"), s.scope);
  remake($("calm-extremes"), s.extremes, () => (s.extremes ?? []).map((t) => make("li", {}, t)));
  const blind = [
    ...(s.unjudged ?? []).map((t) => `could not judge: ${t}`),
    ...(s.unseen ?? []).map((t) => `could not read: ${t}`),
  ];
  show($("blind-section"), blind.length > 0);
  remake($("blind"), blind, () => blind.map((t) => make("li", {}, t)));
}

/** Tells those who cannot see the page what is new and what is over. */
function announce(open) {
  const now = new Map(open.map((i) => [i.uid, i]));
  const before = state.known;
  state.known = now;
  if (!before) return;
  const news = open.filter((i) => !before.has(i.uid));
  const over = [...before.values()].filter((i) => !now.has(i.uid));
  const alarm = news.filter((i) => i.severity === "critical").map((i) => `Critical: ${i.summary}`);
  const quiet = [
    ...news.filter((i) => i.severity !== "critical").map((i) => `New ${i.severity}: ${i.summary}`),
    ...over.map((i) => `Over: ${i.summary}`),
  ];
  if (alarm.length) say($("alarm"), alarm.join(". "));
  if (quiet.length) say($("news"), quiet.join(". "));
}

function tables(list) {
  const texts = { listeners: 2, destinations: 3, states: 1 };
  show($("now-section"), list.length > 0);
  keep($("tables"), list, (t) => t.id,
    (t) => make("details", {}, make("summary", {}, t.title), table(t.title, t.columns, (i) => i >= texts[t.id]), make("p", { class: "faint" })),
    (node, t) => {
      fill(node.querySelector(".scroll"), t.rows);
      say(node.lastElementChild, t.more ? `and ${t.more} more` : "");
    });
}

function agent(doc) {
  remake($("agent"), doc.agent, () => doc.agent.flatMap((f) => [
    make("dt", {}, f.name), make("dd", { class: f.bad ? "bad" : null }, f.text),
  ]));
  say($("version"), `tcpdoctor ${doc.version}`);
}

/** Says how old the figures are, and loudly so where they are too old. */
function freshness() {
  const { doc, failing } = state;
  const notice = $("notice");
  if (failing) {
    const then = doc ? " This is what it said last." : "";
    say(notice, `The agent cannot be reached since ${time(failing.since)}.${then}`);
  }
  if (!doc) {
    show(notice, Boolean(failing));
    return;
  }
  const waited = (performance.now() - state.answered) / 1000;
  const age = doc.age_seconds == null ? null : doc.age_seconds + waited;
  const walk = doc.walk_age_seconds == null ? "" : `, all sockets ${lasted(doc.walk_age_seconds + waited)} ago`;
  say($("fresh"), age == null ? "" : `looked ${lasted(age)} ago${walk}`);
  const old = age != null && age > Math.max(3 * doc.interval_seconds, 30);
  if (!failing && old) say(notice, `The agent has not finished a look since ${time(new Date(doc.last_tick))}: these figures are old.`);
  show(notice, Boolean(failing) || old);
}

function themes() {
  const names = { "": "auto", light: "light", dark: "dark" };
  const order = ["", "light", "dark"];
  const button = $("theme");
  const root = document.documentElement;
  const label = () => say(button, `Colours: ${names[root.dataset.theme ?? ""]}`);
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    try {
      localStorage.setItem("tcpdoctor-colours", next);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    label();
    recolour($("charts"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recolour($("charts")));
  label();
}

async function run() {
  for (;;) {
    const soon = await ask();
    const wait = document.hidden ? Math.max(60_000, soon) : soon;
    await new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        document.removeEventListener("visibilitychange", done);
        resolve();
      };
      const timer = setTimeout(done, wait);
      document.addEventListener("visibilitychange", done);
    });
  }
}

themes();
$("spans").addEventListener("change", (event) => {
  state.span = event.target.value;
  past.span = spans[state.span];
  if (state.doc) {
    drawCharts($("charts"), state.doc.charts, past, Date.parse(state.doc.now) / 1000);
    askPast(state.doc).catch(() => {});
  }
});
setInterval(freshness, 1000);
run();
