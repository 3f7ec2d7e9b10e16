// Forms and lists: the two shapes that most pages are made of.

import { get, query } from "/staff/api.js";
import { h, minorUnits, say } from "/staff/dom.js";

// What becomes of a message, to filter by.
export const SENDING = [["", "Any"], ...["queued", "sending", "sent", "dead", "cancelled"].map(each => [each, each])];

let made = 0;

// A labelled control. `kind` is text, number, textarea, checkbox, an input's type, or a list of choices: [value, label].
export function field(name, label, kind = "text", value = "", more = {}) {
  const id = `field-${made += 1}`;
  const common = { id, name, "aria-describedby": `${id}-fault`, ...more };
  let control;
  if (Array.isArray(kind)) {
    const options = kind.map(([each, text]) =>
      h("option", { value: String(each ?? ""), selected: String(each ?? "") === String(value ?? "") }, text));
    control = h("select", common, options);
  } else if (kind === "textarea") {
    control = h("textarea", { rows: 3, ...common });
    control.value = value ?? "";
  } else {
    control = h("input", { type: kind, ...common });
    if (kind === "checkbox") control.checked = Boolean(value);
    else control.value = value ?? "";
  }
  const fault = h("span", { className: "fault", id: `${id}-fault` });
  return h("div", { className: kind === "checkbox" ? "field check" : "field" },
    h("label", { for: id }, label), control, fault);
}

// An amount in a currency's own unit, as people write it; `amountOf` gives it back in minor units, null where none is given.
export function amountField(name, label, currency, amount, more = {}) {
  const units = minorUnits(currency);
  return field(name, `${label}, ${currency}`, "number", amount === null ? "" : amount / units, { step: 1 / units, ...more });
}
export const amountOf = (value, currency) => (value === null ? null : Math.round(value * minorUnits(currency)));

export function values(form) {
  const found = {};
  for (const each of form.elements) {
    if (!each.name || each.disabled) continue;
    if (each.type === "checkbox") found[each.name] = each.checked;
    else if (each.type === "number") found[each.name] = each.value === "" ? null : Number(each.value);
    else found[each.name] = each.value;
  }
  return found;
}

// Shows each fault at its field, and what belongs to no field in the status line.
export function showFaults(form, problem) {
  const rest = [];
  for (const { field: name, message } of problem.errors) {
    const control = [...form.elements].find(each => each.name && (name === each.name || name.startsWith(`${each.name}.`)));
    if (control) {
      control.setAttribute("aria-invalid", "true");
      document.getElementById(`${control.id}-fault`).textContent = message;
    } else rest.push(`${name}: ${message}`);
  }
  form.querySelector("[aria-invalid]")?.focus();
  if (rest.length || !problem.errors.length) tell(problem, rest);
}

// What somebody else changed meanwhile is shown when it is asked for: it takes the place of what was typed.
function tell(problem, rest) {
  const look = () => dispatchEvent(new Event("reviva:stale"));
  const stale = ["version-conflict", "step-forbidden"].includes(problem.code);
  say([[problem.message, ...rest].join(" "), ...(stale ? [" ", action("Show it as it is now", look)] : [])], true);
}

// A form that sends once at a time. `send(values)` may throw a Problem.
export function form(fields, button, send, more = {}) {
  const submit = h("button", { type: "submit" }, button);
  const whole = h("form", { noValidate: true, ...more }, fields, h("div", { className: "actions" }, submit));
  whole.addEventListener("submit", async event => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    for (const each of whole.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    for (const each of whole.querySelectorAll(".fault")) each.textContent = "";
    try {
      await send(values(whole), whole);
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      showFaults(whole, problem);
    } finally {
      submit.disabled = false;
    }
  });
  return whole;
}

// A button that does one thing. `confirm` asks first.
export function action(text, act, { ask, className } = {}) {
  const button = h("button", { type: "button", className }, text);
  button.addEventListener("click", async () => {
    if (ask && !confirm(ask)) return;
    button.disabled = true;
    try {
      await act();
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      tell(problem, problem.errors.map(each => `${each.field}: ${each.message}`));
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

export function table(columns, rows, empty = "Nothing here.") {
  if (!rows.length) return h("p", { className: "empty" }, empty);
  const cells = row => columns.map(([title, show]) => h("td", { "data-title": title }, show(row) ?? "–"));
  return h("div", { className: "wide" }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map(([title]) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, rows.map(row => h("tr", {}, cells(row))))));
}

// A list of the API with its filters, which stand in the address so that it can be kept and shared.
export async function list({ path, at, filters = [], columns, fixed = {}, empty }) {
  const asked = Object.fromEntries(at.query);
  const shown = h("div");
  let rows = [];
  let next = null;
  const more = action("Show more", () => load(next), { className: "more" });
  async function load(after) {
    const page = await get(path + query({ limit: 50, ...fixed, ...asked, after }));
    rows = after ? [...rows, ...page.items] : page.items;
    next = page.next;
    shown.replaceChildren(table(columns, rows, empty));
    more.hidden = !next;
  }
  const controls = filters.map(([name, label, kind]) => field(name, label, kind, asked[name] ?? ""));
  const go = found => { location.hash = at.path + query(found); };
  const search = filters.length ? form(controls, "Show", go, { className: "filters", role: "search" }) : null;
  search?.addEventListener("change", event => event.target.tagName === "SELECT" && search.requestSubmit());
  await load();
  return h("section", {}, search, shown, more);
}
