// Bookings: a day at the shop, and all of them.

import { get, post, query } from "/staff/api.js";
import { addDays, badge, clock, dayBegins, dayOf, device, h, heading, link, money, repairs, say, when } from "/staff/dom.js";
import { action, field, form, list, table } from "/staff/form.js";

const AT_WORK = ["checked_in", "diagnosing", "awaiting_approval", "awaiting_parts", "in_repair"];
const STATUSES = ["draft", "pending", "confirmed", ...AT_WORK, "ready", "completed", "cancelled", "no_show"];

const reference = each => link(`#/bookings/${each.reference}`, each.reference);
const customer = each => each.customer.name || each.customer.email || "–";
const shopChoices = shops => [["", "All shops"], ...shops.map(each => [each.slug, each.name])];

export async function today({ shops, refresh }, at) {
  const shop = shops.find(each => each.slug === at.query.get("shop")) ?? (shops.length === 1 ? shops[0] : null);
  const zone = (shop ?? shops[0])?.timezone ?? "UTC";
  const day = at.query.get("day") ?? dayOf(Date.now(), zone);
  const span = { starts_from: dayBegins(day, zone), starts_to: dayBegins(addDays(day, 1), zone) };
  const at_shop = { shop: shop?.slug, limit: 200 };
  const today = dayBegins(dayOf(Date.now(), zone), zone);
  const [arriving, missed, pending, working, ready] = await Promise.all([
    get(`/api/bookings${query({ ...at_shop, ...span, sort: "starts_at", status: "confirmed,no_show,cancelled,completed," + AT_WORK })}`),
    get(`/api/bookings${query({ ...at_shop, starts_to: today, status: "confirmed", sort: "-starts_at" })}`),
    get(`/api/bookings${query({ ...at_shop, status: "pending", sort: "starts_at" })}`),
    get(`/api/bookings${query({ ...at_shop, status: AT_WORK.join(), sort: "starts_at" })}`),
    get(`/api/bookings${query({ ...at_shop, status: "ready", sort: "updated_at" })}`),
  ]);
  const step = (each, status, text, how) => action(text, async () => {
    await post(`/api/bookings/${each.reference}/status`, { status, version: each.version });
    say(`${each.reference} is ${status.replaceAll("_", " ")}.`);
    await refresh();
  }, how);
  const come = each => [step(each, "checked_in", "Check in"), " ", Date.parse(each.starts_at) <= Date.now()
    && step(each, "no_show", "No show", { className: "danger", ask: `Did nobody come for ${each.reference}?` })];
  const columns = [
    ["Time", each => clock(each.starts_at, each.shop.timezone)], ["Booking", reference], ["Customer", customer],
    ["Device", each => device(each.model)], ["Repairs", repairs], ["Status", each => badge(each.status)],
    ["", each => each.status === "confirmed" && come(each)],
  ];
  const waiting = [
    ["Appointment", each => when(each.starts_at, each.shop.timezone)], ...columns.slice(1, 6),
    ["Technician", each => each.assigned_to?.name],
    ["", each => each.status === "ready" ? step(each, "completed", "Handed over")
      : each.status === "pending" ? step(each, "confirmed", "Accept") : each.status === "confirmed" && come(each)],
  ];
  const go = found => { location.hash = `/today${query(found)}`; };
  const choose = form([field("day", "Day", "date", day), shops.length > 1 && field("shop", "Shop", shopChoices(shops), shop?.slug)],
    "Show", go, { className: "filters" });
  choose.addEventListener("change", () => choose.requestSubmit());
  const part = (title, page, shown, empty) => h("section", {}, h("h2", {}, title, h("small", {}, ` ${page.items.length}${page.next ? "+" : ""}`)),
    table(shown, page.items, empty));
  const title = new Intl.DateTimeFormat(navigator.language, { dateStyle: "full", timeZone: "UTC" }).format(new Date(`${day}T12:00Z`));
  return [heading(title, choose),
    pending.items.length > 0 && part("To be accepted", pending, waiting),
    missed.items.length > 0 && part("Of earlier days, never checked in", missed, waiting),
    part("Appointments", arriving, columns, "Nobody has an appointment on this day."),
    part("In the workshop", working, waiting, "No device is here."),
    part("Ready to collect", ready, waiting, "Nothing waits to be collected.")].filter(Boolean);
}

export async function all({ shops }, at) {
  const columns = [
    ["Booking", reference], ["Starts", each => when(each.starts_at, each.shop.timezone)], ["Customer", customer],
    ["Device", each => device(each.model)], ["Repairs", repairs], ["Total", each => money(each.total)],
    ["Status", each => badge(each.status)], ["Technician", each => each.assigned_to?.name],
    ...(shops.length > 1 ? [["Shop", each => each.shop.name]] : []),
  ];
  return [heading("Bookings"), await list({
    path: "/api/bookings", at, columns, empty: "No booking fits.",
    filters: [
      ["q", "Find", "search"],
      ["status", "Status", [["", "Any"], ...STATUSES.map(each => [each, each.replaceAll("_", " ")])]],
      ...(shops.length > 1 ? [["shop", "Shop", shopChoices(shops)]] : []),
      ["sort", "Order", [["", "Newest first"], ["starts_at", "By start"], ["-starts_at", "Latest start first"], ["-total", "Dearest first"]]],
    ],
  })];
}
