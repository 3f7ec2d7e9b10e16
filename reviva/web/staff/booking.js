// One booking: what it is, what may happen next, and what happened.

import { get, patch, post, query } from "/staff/api.js";
import { badge, device, dayOf, h, heading, link, money, say, when, words } from "/staff/dom.js";
import { action, amountField, amountOf, field, form } from "/staff/form.js";
import { slotChoices } from "/staff/slots.js";

export async function one({ user, refresh }, at) {
  const reference = at.params[0];
  const path = `/api/bookings/${reference}`;
  const [booking, messages, users] = await Promise.all([
    get(path), get(`/api/notifications${query({ reference, sort: "due_at", limit: 100 })}`), colleagues(user),
  ]);
  const zone = booking.shop.timezone;
  const { version } = booking;
  const done = async text => { say(text); await refresh(); };
  return [
    heading(reference, badge(booking.status)),
    h("div", { className: "columns" },
      h("section", {}, facts(booking), contact(booking, path, done), steps(booking, path, done), assign(booking, users, path, done)),
      h("section", {}, h("h2", {}, "Price"), prices(booking), items(booking, path, done),
        h("h2", {}, "Notes"), notes(booking, path, done)),
      h("section", {}, move(booking, path, done), h("h2", {}, "History"), history(booking, zone),
        h("h2", {}, "Messages"), told(messages.items, zone))),
    h("p", { className: "meta" }, `Version ${version}, changed ${when(booking.updated_at, zone)}`),
  ];
}

// Managers may choose anybody, technicians themselves.
async function colleagues(user) {
  if (!user.permissions.includes("users.read")) return [user];
  const { items } = await get("/api/users?role=technician,manager,admin&active=true&limit=200&sort=name");
  return items;
}

function facts(booking) {
  const rows = [
    ["Customer", [booking.customer.email ? link(`#/customers${query({ q: booking.customer.email })}`, booking.customer.name || "Customer") : booking.customer.name, booking.customer.email && link(`mailto:${booking.customer.email}`, booking.customer.email),
      booking.customer.phone && link(`tel:${booking.customer.phone}`, booking.customer.phone)]],
    ["Device", [device(booking.model), `${booking.model.year}`]],
    ["Appointment", [when(booking.starts_at, booking.shop.timezone), booking.ends_at && `to ${when(booking.ends_at, booking.shop.timezone)}`]],
    ["Shop", [booking.shop.name]], ["Urgency", [words(booking.urgency)]],
    ["Booked", [when(booking.created_at, booking.shop.timezone)]],
  ];
  return h("dl", {}, rows.map(([name, lines]) => [h("dt", {}, name), lines.filter(Boolean).map(line => h("dd", {}, line))]));
}

// Whom to call about this booking alone: another one under the same address may have another name and number.
function contact(booking, path, done) {
  if (booking.status === "draft") return null;
  const { name, phone } = booking.customer;
  return h("details", {}, h("summary", {}, "Correct name or number"), form([
    field("customer.name", "Name", "text", name), field("customer.phone", "Telephone", "tel", phone),
  ], "Save", async values => {
    await patch(path, { customer: { name: values["customer.name"] || null, phone: values["customer.phone"] || null }, version: booking.version });
    await done("Name and number were saved.");
  }));
}

function steps(booking, path, done) {
  if (!booking.next_statuses.length) return h("p", {}, "This booking has ended.");
  const go = status => action(words(status), async () => {
    const note = document.getElementById("step-note").querySelector("[name=note]").value;
    await post(`${path}/status`, { status, note, version: booking.version });
    await done(`The booking is ${words(status)}.`);
  }, { className: ["cancelled", "no_show"].includes(status) ? "danger" : "",
    ask: ["cancelled", "no_show"].includes(status) && `Make this booking ${words(status)}?` });
  // Nobody has failed to come before it is time: the API leaves that to whoever calls it, a tired clerk is not offered it.
  const offered = booking.next_statuses.filter(status => status !== "no_show" || new Date(booking.starts_at) <= new Date());
  return h("section", {}, h("h2", {}, "Next"), h("div", { id: "step-note" }, field("note", "Note (the customer can read it)", "text")),
    h("div", { className: "actions" }, offered.map(go)));
}

function assign(booking, users, path, done) {
  const choices = [["", "Nobody"], ...users.map(each => [each.id, each.name || each.email])];
  const known = booking.assigned_to;
  if (known && !users.some(each => each.id === known.id)) choices.push([known.id, known.name]);
  return form([field("user", "Technician", choices, known?.id)], "Assign", async ({ user }) => {
    await post(`${path}/assign`, { user: user ? Number(user) : null, version: booking.version });
    await done("Assigned.");
  }, { className: "line" });
}

function prices(booking) {
  const lines = booking.items.flatMap(item => [
    h("tr", {}, h("th", { scope: "row" }, item.repair.name), h("td", {}, money(item.base))),
    ...item.adjustments.map(each => h("tr", { className: "minor" }, h("td", {}, each.name), h("td", {}, money(each.effect)))),
  ]);
  return h("table", { className: "prices" }, h("tbody", {}, lines),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "Total"), h("td", {}, money(booking.total)))));
}

// Which repairs, and prices set by hand.
function items(booking, path, done) {
  if (["draft", "completed", "cancelled", "no_show"].includes(booking.status)) return null;
  const shown = h("details", {}, h("summary", {}, "Change repairs or prices"));
  shown.addEventListener("toggle", async () => {
    if (!shown.open || shown.querySelector("form")) return;
    const { repairs: offers } = await get(`/api/catalog/models/${booking.model.slug}`);
    const { currency } = booking.total;
    const known = Object.fromEntries(booking.items.map(item => [item.repair.slug, item]));
    const byHand = item => (item?.adjustments.some(each => each.rule === null) ? item.price.amount : null);
    const fields = offers.map(({ slug, name, price }) => h("div", { className: "pair" },
      field(`do-${slug}`, `${name} (${money(price)})`, "checkbox", slug in known),
      amountField(`price-${slug}`, "By hand", currency, byHand(known[slug]), { min: 0 })));
    shown.append(form(fields, "Save", async found => {
      const chosen = offers.filter(({ slug }) => found[`do-${slug}`])
        .map(({ slug }) => ({ repair: slug, price: amountOf(found[`price-${slug}`], currency) }));
      await patch(path, { items: chosen, version: booking.version });
      await done("The price was changed.");
    }));
  });
  return shown;
}

function notes(booking, path, done) {
  return form([field("notes", "For this booking", "textarea", booking.notes)], "Save", async ({ notes: text }) => {
    await patch(path, { notes: text, version: booking.version });
    await done("The notes were saved.");
  });
}

function move(booking, path, done) {
  if (!["pending", "confirmed"].includes(booking.status)) return null;
  const shown = h("details", {}, h("summary", {}, "Move the appointment"));
  shown.addEventListener("toggle", async () => {
    if (!shown.open || shown.querySelector("form")) return;
    const asked = { model: booking.model.slug, repairs: booking.items.map(item => item.repair.slug), shop: booking.shop.slug };
    const slot = await slotChoices(asked, dayOf(Date.now(), booking.shop.timezone));
    shown.append(form([slot], "Move", async ({ starts_at }) => {
      await post(`${path}/reschedule`, { starts_at, version: booking.version });
      await done("The appointment was moved.");
    }));
  });
  return shown;
}

function told(messages, zone) {
  if (!messages.length) return h("p", { className: "empty" }, "None.");
  return h("ol", { className: "history" }, messages.map(each => h("li", {}, `${words(each.template)} to ${each.recipient} `,
    badge(each.status), ` ${when(each.sent_at ?? each.due_at, zone)}`, each.last_error && h("p", { className: "bad" }, each.last_error))));
}

const INSTANT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

function history(booking, zone) {
  return h("ol", { className: "history" }, booking.history.map(step => h("li", {}, badge(step.to), ` ${when(step.at, zone)}`,
    step.note && h("p", {}, step.note.replace(INSTANT, at => when(at, zone))))));
}
