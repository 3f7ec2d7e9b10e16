// Shops: hours, closures, benches, and how bookings are taken.

import { get, patch, query } from "/staff/api.js";
import { badge, dayOf, h, heading, link, say, when } from "/staff/dom.js";
import { action, field, form, list, table } from "/staff/form.js";

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"].map((name, n) => [n, name]);
const MINUTES = [15, 30, 45, 60, 90, 120, 180, 240].map(each => [each, `${each} minutes`]);

export async function all(context, at) {
  return [heading("Shops"), await list({ path: "/api/shops", at, columns: [
    ["Shop", each => link(`#/shops/${each.slug}`, each.name)], ["Zone", each => each.timezone], ["Currency", each => each.currency],
    ["Benches", each => each.benches.filter(bench => bench.active).length], ["", each => badge(each.active ? "active" : "closed down")],
  ] })];
}

export async function one({ refresh }, at) {
  const path = `/api/shops/${at.params[0]}`;
  const shop = await get(path);
  const send = async change => {
    await patch(path, { ...change, version: shop.version });
    say("Saved.");
    await refresh();
  };
  const plain = form([
    field("name", "Name", "text", shop.name), field("address", "Address", "textarea", shop.address), field("email", "E-mail", "email", shop.email),
    field("phone", "Telephone", "tel", shop.phone), field("timezone", "Time zone", "text", shop.timezone),
    field("grid_minutes", "Appointments begin every", MINUTES, shop.grid_minutes), field("buffer_minutes", "Minutes between two jobs", "number", shop.buffer_minutes),
    field("lead_minutes", "Minutes' notice for a booking", "number", shop.lead_minutes), field("horizon_days", "Days ahead that can be booked", "number", shop.horizon_days),
    field("cancel_notice_minutes", "Minutes' notice for cancelling", "number", shop.cancel_notice_minutes),
    field("confirm_by_hand", "Bookings wait to be accepted", "checkbox", shop.confirm_by_hand), field("active", "Takes bookings", "checkbox", shop.active),
    field("allowed_origins", "Web sites that may embed the booking, a line each", "textarea", shop.allowed_origins.join("\n")),
  ], "Save", values => send({ ...values, grid_minutes: Number(values.grid_minutes), allowed_origins: lines(values.allowed_origins) }));
  const hours = rows("Opening hours", shop.hours, () => ({ weekday: 0, opens: "09:00", closes: "17:00" }), each => [
    field("weekday", "Day", DAYS, each.weekday), field("opens", "Opens", "time", each.opens), field("closes", "Closes", "text", each.closes, { size: 5 }),
  ], found => send({ hours: found.map(each => ({ ...each, weekday: Number(each.weekday) })) }));
  const closures = rows("Closed on (from a time on, or the whole day)", shop.closures, () => ({ from: "", to: "", reason: "" }), each => [
    field("from", "From", "date", each.from), field("to", "To", "date", each.to), field("reason", "Why", "text", each.reason),
    field("shuts_at", "Shuts at", "time", each.shuts_at),
  ], found => send({ closures: found.map(each => ({ ...each, shuts_at: each.shuts_at || null })) }));
  const benches = rows("Benches", shop.benches, () => ({ name: `Bench ${shop.benches.length + 1}`, active: true }), each => [
    field("name", "Name", "text", each.name), field("active", "In use", "checkbox", each.active),
  ], found => send({ benches: found }));
  return [heading(shop.name), await stranded(shop),
    h("div", { className: "columns" }, h("section", {}, plain), h("section", {}, hours, closures, benches))];
}

// The appointments to come for which the shop is not open any more: to close it moves none of them.
async function stranded(shop) {
  const asked = { shop: shop.slug, status: "pending,confirmed", starts_from: new Date().toISOString(), limit: 200 };
  const { items } = await get(`/api/bookings${query(asked)}`);
  const found = items.filter(each => !isOpen(shop, new Date(each.starts_at), each.items.reduce((sum, item) => sum + item.minutes, 0)));
  return found.length > 0 && h("section", {}, h("h2", {}, "Booked while the shop is closed", h("small", {}, ` ${found.length}`)), table([
    ["Time", each => when(each.starts_at, shop.timezone)], ["Booking", each => link(`#/bookings/${each.reference}`, each.reference)],
    ["Customer", each => each.customer.name], ["Telephone", each => each.customer.phone && link(`tel:${each.customer.phone}`, each.customer.phone)],
  ], found));
}

// Whether a job can begin at its time, and end before the shop closes; one that takes more than a day need only begin.
function isOpen({ timezone, hours, closures }, start, minutes) {
  const wall = at => at.toLocaleTimeString("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit" });
  const [day, end] = [dayOf(start, timezone), new Date(start.getTime() + minutes * 60000)];
  const weekday = (new Date(`${day}T12:00Z`).getUTCDay() + 6) % 7;
  const ends = minutes && dayOf(end, timezone) === day ? wall(end) : wall(start);
  return !closures.some(each => each.from <= day && day <= each.to && ends > (each.shuts_at ?? ""))
    && hours.some(each => each.weekday === weekday && each.opens <= wall(start) && ends <= each.closes);
}

const lines = text => text.split("\n").map(each => each.trim()).filter(Boolean);

// A list of small rows that is saved as a whole. One that is added or removed counts as begun, so that news don't undo it.
function rows(title, known, fresh, fields, save) {
  const begun = () => whole.classList.add("touched");
  const row = each => {
    const made = h("div", { className: "row" }, fields(each),
      action("Remove", () => { made.remove(); begun(); }, { className: "plain" }));
    return made;
  };
  const all = h("div", {}, known.map(row));
  const read = each => Object.fromEntries([...each.querySelectorAll("[name]")].map(control =>
    [control.name, control.type === "checkbox" ? control.checked : control.value]));
  const add = action("Add", () => { all.append(row(fresh())); begun(); }, { className: "plain" });
  const whole = form([h("h2", {}, title), all, add], "Save", () => save([...all.children].map(read)));
  return whole;
}
