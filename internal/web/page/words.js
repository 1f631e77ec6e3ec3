// Numbers, times and durations as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** A figure in the unit of its chart. */
export function figure(value, unit) {
  if (value == null || !Number.isFinite(value)) return "–";
  if (unit === "ratio") return `${number(100 * value)} %`;
  return unit === "per second" ? `${number(value)}/s` : number(value);
}

export function number(value) {
  return Math.abs(value) >= 10 || Number.isInteger(value) ? whole.format(value) : fine.format(value);
}

/** A number short enough for an axis. */
export function short(value, unit) {
  if (unit === "ratio") return `${number(100 * value)} %`;
  if (value >= 1e6) return `${fine.format(value / 1e6)} M`;
  if (value >= 1e4) return `${fine.format(value / 1e3)} k`;
  return number(value);
}

/** A length of time, in one unit or two. */
export function lasted(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  const hours = Math.floor(s / 3600);
  if (hours < 48) {
    const minutes = Math.round((s % 3600) / 60);
    return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  return `${Math.round(s / 86400)} days`;
}

/** A moment: the time of today, or day and time. */
export function moment(date) {
  return new Date().toDateString() === date.toDateString() ? clock.format(date) : day.format(date);
}

const date = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });

/** A moment on the axis of a chart: the time, or the day where it shows many. */
export const tick = (at, [from, to]) => (to - from > 2 * 86400 ? date.format(at) : clock.format(at));

export const time = (date) => clock.format(date);
