// Elements made by hand: what the API says becomes text, never markup.

/** An element. `onclick` and the like are listeners; null and false leave an attribute or a child out. */
function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value") made.value = value;
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

let made = 0;
const newId = () => `reviva-${made += 1}`;

/** A labelled control. `name` is the API's name of the field, whose faults are shown under the control. */
function field(name, label, control, hint) {
  const id = newId();
  control.id = id;
  control.dataset.field = name;
  control.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-fault` : `${id}-fault`);
  return h("div", { class: "field" }, h("label", { for: id }, label),
    hint && h("p", { id: `${id}-hint`, class: "hint" }, hint), control, h("p", { id: `${id}-fault`, class: "fault" }));
}

/** A set of choices under one legend, with a place for its fault. */
function choices(name, legend, options, hint) {
  const id = newId();
  return h("fieldset", { "data-field": name, tabindex: "-1", id, "aria-describedby": `${id}-fault` }, h("legend", {}, legend),
    hint && h("p", { class: "hint" }, hint), h("p", { id: `${id}-fault`, class: "fault" }), options);
}

/** A radio button or a check box with its label around it. */
function choice(type, name, value, checked, onchange, ...label) {
  return h("label", { class: "choice" }, h("input", { type, name, value, checked, onchange }), h("span", {}, ...label));
}

function button(text, onclick, look = "") {
  return h("button", { type: "button", class: look, onclick }, text);
}

/** Shows each fault at its control and moves to the first one. Returns the faults that no control has. */
function showFaults(root, faults) {
  const controls = [...root.querySelectorAll("[data-field]")];
  const told = new Map(faults.map(fault => [fault.field, fault.message]));
  for (const control of controls) {
    const message = told.get(control.dataset.field) ?? "";
    if (message) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    const place = control.matches("fieldset") ? control : control.parentElement;
    place.querySelector(":scope > .fault").textContent = message;
  }
  controls.find(control => told.has(control.dataset.field))?.focus();
  const shown = new Set(controls.map(control => control.dataset.field));
  return faults.filter(fault => !shown.has(fault.field));
}

/** Calls `act` when nothing more was asked for so long. */
function debounced(milliseconds, act) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

/** Lets the browser save a file. */
function save(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The style sheet of the element and the pages: made by script, so that no site's policy refuses it. */
function dress(root) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

const NARROW = 420;

/** The card that all of it stands on, which knows when it is narrow. Its languages run from left to right. */
function card(attributes, ...children) {
  const whole = h("section", { class: "card", part: "card", dir: "ltr", ...attributes }, ...children);
  new ResizeObserver(([seen]) => whole.classList.toggle("narrow", seen.contentRect.width < NARROW)).observe(whole);
  return whole;
}
