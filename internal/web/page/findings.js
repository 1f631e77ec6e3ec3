// What is wrong: one card for each incident, in the order what, why, who, what now.

import { fill as fillTable, keep, make, remake, say, show, table } from "./dom.js";
import { lasted, moment } from "./words.js";

/** Where there is room for them beside the words, the figures are shown at once. */
const wide = matchMedia("(min-width: 74rem)");

/** Draws the incidents into a container, keeping what stays. */
export function drawFindings(container, incidents, now) {
  const first = !container.drawn;
  container.drawn = true;
  keep(container, incidents, (i) => i.uid, (i) => card(i, !first), (node, i) => fill(node, i, now));
}

function card(incident, isNew) {
  const title = make("h3", { id: `title-${incident.uid}` });
  const node = make("article", { class: isNew ? "finding new" : "finding", "aria-labelledby": title.id },
    make("header", {}, make("p", { class: "tags" }), title),
    make("dl", { class: "told" }),
    make("details", { open: wide.matches }, make("summary"), table(`Figures: ${incident.summary}`, ["Figure", "Value", "Read from"], (i) => i === 1)));
  return node;
}

function fill(node, i, now) {
  node.dataset.severity = i.severity;
  node.classList.toggle("follows", Boolean(i.follows_from));
  say(node.querySelector("h3"), i.summary);
  const since = new Date(i.since);
  const tags = node.querySelector(".tags");
  const held = lasted((now - since) / 1000);
  remake(tags, [i.severity, i.id, held, i.reopened, i.unseen_since], () => {
    const parts = [
      make("span", { class: "tag", "data-severity": i.severity }, i.severity),
      make("code", {}, i.id),
      make("span", {}, "since ", make("time", { datetime: i.since }, moment(since)), ` (${held})`),
    ];
    if (i.unseen_since) parts.push(make("span", {}, "not seen since ", make("time", { datetime: i.unseen_since }, moment(new Date(i.unseen_since)))));
    if (i.reopened) parts.push(make("span", {}, `came back ${i.reopened === 1 ? "once" : `${i.reopened} times`}`));
    return parts;
  });
  remake(node.querySelector("dl"), [i.why, i.who, i.remedies, i.useless, i.follows_from, i.confidence, i.cause, i.recording], () => told(i));
  const details = node.querySelector("details");
  const figures = i.evidence ?? [];
  show(details, figures.length > 0);
  say(details.querySelector("summary"), `The ${figures.length} figures it rests on`);
  fillTable(details.querySelector(".scroll"), figures.map((f) => [f.name, f.figure, f.source]));
}

function told(i) {
  const sure = i.cause ? `${i.confidence}; cause: ${i.cause}` : i.confidence;
  const out = [make("dt", {}, "why"), make("dd", {}, i.why, " ", make("span", { class: "faint" }, `(${sure})`))];
  if (i.follows_from) out.push(make("dt", {}, "from"), make("dd", {}, "This follows from: ", i.follows_from));
  out.push(make("dt", {}, "who"), make("dd", {}, i.who.join(" · ")));
  const remedies = (i.remedies ?? []).map((r) => make("li", {},
    r.command ? make("code", {}, r.text) : r.text,
    ...(r.effect ? [make("span", { class: "effect" }, r.effect)] : [])));
  if (remedies.length || i.useless) {
    const now = make("dd", {});
    if (remedies.length) now.append(make("ol", {}, ...remedies));
    if (i.useless) now.append(make("p", { class: "useless" }, `not: ${i.useless}`));
    out.push(make("dt", {}, "now"), now);
  }
  if (i.recording) out.push(make("dt", {}, "kept"), make("dd", {}, "the minutes before, as ", make("code", {}, i.recording)));
  return out;
}

/** Draws what was found before. */
export function drawPast(list, incidents, now) {
  const mark = { critical: 3, warning: 2, info: 1 };
  keep(list, incidents, (i) => i.uid, () => make("li"), (node, i) => {
    const since = new Date(i.since);
    const over = i.state === "ended";
    const end = over ? new Date(i.ended_at) : now;
    const length = lasted((end - since) / 1000);
    const severity = mark[i.peak] ? i.peak : i.severity;
    remake(node, [i, length], () => [
      make("span", { class: "tag", "data-severity": severity }, severity),
      make("span", {}, i.worst?.summary || i.finding?.summary || i.subject, " ", make("code", { class: "code" }, i.key.id),
        ...(i.end_reason ? [make("span", { class: "faint" }, ` ${i.end_reason}`)] : [])),
      make("span", { class: "when" }, make("time", { datetime: i.since }, moment(since)), over ? `, for ${length}` : `, still there (${length})`),
    ]);
  });
}
