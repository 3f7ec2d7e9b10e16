// The staff console: who is logged in, the way to each page, and what is shown when something fails.

import { follow } from "/pages/live.js";
import { get, post } from "/staff/api.js";
import { h, heading, link, say } from "/staff/dom.js";
import { action, field, form } from "/staff/form.js";
import * as audit from "/staff/audit.js";
import * as booking from "/staff/booking.js";
import * as bookings from "/staff/bookings.js";
import * as counter from "/staff/counter.js";
import * as customers from "/staff/customers.js";
import * as figures from "/staff/figures.js";
import * as messages from "/staff/messages.js";
import * as prices from "/staff/prices.js";
import * as shops from "/staff/shops.js";
import * as system from "/staff/system.js";
import * as users from "/staff/users.js";
import * as webhooks from "/staff/webhooks.js";

// [pattern of the address, page, title in the menu, permission]. A page gets {path, query, params} and `context`.
const PAGES = [
  [/^\/today$/, bookings.today, "Today", "bookings.work"],
  [/^\/bookings$/, bookings.all, "Bookings", "bookings.work"],
  [/^\/new$/, counter.book, "New booking", "bookings.work"],
  [/^\/bookings\/(RV-\w+)$/, booking.one, null, "bookings.work"],
  [/^\/customers$/, customers.all, "Customers", "customers.read"],
  [/^\/customers\/(\d+)$/, customers.one, null, "customers.read"],
  [/^\/messages$/, messages.all, "Messages", "notifications.read"],
  [/^\/figures$/, figures.dashboard, "Figures", "dashboard.read"],
  [/^\/prices$/, prices.rules, "Prices", "prices.change"],
  [/^\/prices\/rules\/(\d+|new)$/, prices.rule, null, "prices.change"],
  [/^\/prices\/models\/([a-z0-9-]+)$/, prices.model, null, "prices.change"],
  [/^\/shops$/, shops.all, "Shops", "shops.change"],
  [/^\/shops\/([a-z0-9-]+)$/, shops.one, null, "shops.change"],
  [/^\/users$/, users.all, "Users", "users.read"],
  [/^\/users\/(\d+|new)$/, users.one, null, "users.change"],
  [/^\/webhooks$/, webhooks.all, "Webhooks", "webhooks.change"],
  [/^\/webhooks\/(\d+|new)$/, webhooks.one, null, "webhooks.change"],
  [/^\/audit$/, audit.all, "Audit", "audit.read"],
  [/^\/system$/, system.health, "System", "database.read"],
  [/^\/me$/, users.me, null, "self"],
];

const app = document.getElementById("app");
const main = h("main");
let context = null;
let turn = 0;
let arriving = false;
let unfollow = () => {};

function here() {
  const [path, search] = location.hash.slice(1).split("?");
  return { path: path || "/today", query: new URLSearchParams(search) };
}

// Shows the page of the address. `quiet` leaves the focus and what is shown until the new is there; the focus of who is
// arriving at a page, or still is at its top, is at the top of the new. Nothing is shown, and false returned, where
// `busy` says in the end that somebody has begun something.
async function show(quiet = false, busy = () => false) {
  if (!context) return;
  arriving ||= !quiet;
  const mine = turn += 1;
  const at = here();
  const found = PAGES.find(([pattern, , , may]) => pattern.test(at.path) && context.user.permissions.includes(may));
  for (const each of document.querySelectorAll("nav a")) {
    const current = at.path.startsWith(each.getAttribute("href").slice(1));
    each.toggleAttribute("aria-current", current);
  }
  let page;
  try {
    page = found ? await found[1](context, { ...at, params: at.path.match(found[0]).slice(1) })
      : [heading("Not found"), h("p", {}, "There is no such page, or it is not for you.")];
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    if (quiet) return;
    page = [heading("That did not work"), h("p", { className: "bad" }, problem.message), action("Try again", () => show())];
  }
  if (mine !== turn) return;
  if (busy()) return false;
  const atTop = arriving || document.activeElement === main.querySelector("h1");
  arriving = false;
  main.replaceChildren(...[page].flat(Infinity).filter(Boolean));
  if (atTop) main.querySelector("h1")?.focus();
}

function frame() {
  const items = PAGES.filter(([, , title, may]) => title && context.user.permissions.includes(may));
  const logout = async () => { await post("/api/auth/logout"); login(); };
  app.replaceChildren(
    h("header", {}, link("#/today", h("strong", {}, "Reviva")),
      h("nav", { "aria-label": "Pages" }, items.map(([pattern, , title]) =>
        link(`#${pattern.source.replaceAll("\\", "").replace(/[\^$]/g, "")}`, title))),
      h("div", { className: "who" }, link("#/me", context.user.name || context.user.email), action("Log out", logout))),
    main);
}

async function begin() {
  try {
    const user = await get("/api/auth/me");
    const { items } = user.permissions.includes("shops.read") ? await get("/api/shops?limit=200") : { items: [] };
    context = { user, shops: items, refresh: () => show(true) };
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    return login(problem.status === 401 ? "" : problem.message);
  }
  frame();
  await show();
  const busy = () => document.querySelector("form:focus-within, .touched, details[open]");
  unfollow = follow(() => busy() ? false : show(true, busy));
}

function login(said = "") {
  context = null;
  unfollow();
  const enter = async ({ email, password }) => {
    await post("/api/auth/login", { email, password, cookie: true });
    await begin();
  };
  const forgot = action("Forgot the password?", async () => {
    const email = app.querySelector("[name=email]").value;
    await post("/api/auth/password-reset", { email });
    say("If that address is known, a link is on its way.");
  }, { className: "plain" });
  app.replaceChildren(h("main", { className: "login" }, heading("Log in"), said && h("p", { className: "bad" }, said),
    form([field("email", "E-mail", "email", "", { autocomplete: "username", required: true }),
      field("password", "Password", "password", "", { autocomplete: "current-password", required: true })],
    "Log in", enter), forgot));
  app.querySelector("[name=email]").focus();
}

addEventListener("hashchange", () => show());
addEventListener("reviva:stale", () => { say(""); show(true); });
addEventListener("reviva:logged-out", () => context && login("You were logged out."));
addEventListener("input", event => event.target.closest("form, .field")?.classList.add("touched"));
begin();
