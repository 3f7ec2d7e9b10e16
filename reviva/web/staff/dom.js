// Elements, and values as people read them. What comes from the API goes in as text, never as HTML.

import { digits, moneyStyle } from "/pages/digits.js";

export function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

export const link = (href, ...children) => h("a", { href }, ...children);

let silence;
export function say(text, bad = false) {
  const said = document.getElementById("said");
  said.replaceChildren(...[text].flat());
  said.className = bad ? "bad" : "";
  clearTimeout(silence);
  silence = setTimeout(() => { said.textContent = ""; }, bad ? 12000 : 5000);
}

// How many minor units one of a currency has: 100 for GBP, 1 for JPY.
export const minorUnits = currency => 10 ** digits(currency);

export function money(value) {
  if (!value) return "–";
  return new Intl.NumberFormat(navigator.language, moneyStyle(value.currency)).format(value.amount / minorUnits(value.currency));
}

export function when(instant, timeZone, style = { dateStyle: "medium", timeStyle: "short" }) {
  return instant ? new Intl.DateTimeFormat(navigator.language, { ...style, timeZone }).format(new Date(instant)) : "–";
}
export const clock = (instant, timeZone) => when(instant, timeZone, { timeStyle: "short" });

// "2026-03-29" on the wall of a zone.
export const dayOf = (instant, timeZone) => new Intl.DateTimeFormat("en-CA", { timeZone }).format(instant);

export function addDays(day, count) {
  const moved = new Date(`${day}T12:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + count);
  return moved.toISOString().slice(0, 10);
}

// The first instant of a day in a zone: midnight, or what follows where a zone's clocks skip it.
export function dayBegins(day, timeZone) {
  const quarter = 15 * 60000;
  for (let at = Date.parse(`${day}T00:00:00Z`) - 15 * 3600000; ; at += quarter) {
    if (dayOf(at, timeZone) >= day) return new Date(at).toISOString();
  }
}

export const words = name => name.replaceAll("_", " ");
export const badge = status => h("span", { className: `badge ${status}` }, words(status));
// Some models carry their brand in their name.
export function device({ brand, name }) {
  return name.toLowerCase().startsWith(`${brand.name.toLowerCase()} `) ? name : `${brand.name} ${name}`;
}
export const repairs = booking => booking.items.map(item => item.repair.name).join(", ");

export function heading(text, ...beside) {
  document.title = `${text} · Reviva`;
  return h("div", { className: "heading" }, h("h1", { tabIndex: -1 }, text), ...beside);
}
