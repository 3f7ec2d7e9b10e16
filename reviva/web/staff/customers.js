// Customers: who they are, what they had repaired, and what may be kept of them.

import { get, patch, post, put, query } from "/staff/api.js";
import { badge, device, h, heading, link, money, say, when, words } from "/staff/dom.js";
import { action, field, form, list, table } from "/staff/form.js";

const CHANNELS = { email: "by e-mail", sms: "by SMS" };

export async function all(context, at) {
  return [heading("Customers"), await list({
    path: "/api/customers", at, empty: "No customer fits.",
    filters: [["q", "Find", "search"], ["sort", "Order", [["", "Newest first"], ["name", "By name"]]]],
    columns: [
      ["Name", each => link(`#/customers/${each.id}`, each.name || `No. ${each.id}`)], ["E-mail", each => each.email],
      ["Telephone", each => each.phone], ["Bookings", each => each.bookings], ["Since", each => when(each.created_at, undefined, { dateStyle: "medium" })],
    ],
  })];
}

export async function one({ user, refresh }, at) {
  const path = `/api/customers/${at.params[0]}`;
  const customer = await get(path);
  const { items: theirs } = await get(`/api/bookings${query({ customer: customer.id, limit: 100 })}`);
  const save = async values => {
    await patch(path, { ...values, email: values.email || null, phone: values.phone || null, version: customer.version });
    say("Saved.");
    await refresh();
  };
  const erase = async () => {
    await post(`${path}/anonymize`);
    say("Erased.");
    await refresh();
  };
  const download = async () => {
    const held = JSON.stringify(await get(`${path}/export`), null, 2);
    const url = URL.createObjectURL(new Blob([held], { type: "application/json" }));
    h("a", { href: url, download: `customer-${customer.id}.json` }).click();
    URL.revokeObjectURL(url);
  };
  const merge = form([field("other", "Number of the other customer who is the same person", "number")], "Merge", async ({ other }) => {
    await post(`${path}/merge`, { other });
    say("Merged: their bookings are here now.");
    await refresh();
  }, { className: "line" });
  const { items: wanted } = await get(`${path}/preferences`);
  const wishes = form(wanted.map(({ channel, template, enabled }, n) =>
    field(`${n}`, `${words(template)}, ${CHANNELS[channel]}`, "checkbox", enabled)), "Save", async chosen => {
    await put(`${path}/preferences`, { items: wanted.map((each, n) => ({ ...each, enabled: chosen[n] })) });
    say("Saved.");
    await refresh();
  });
  return [heading(customer.name || `Customer ${customer.id}`, customer.anonymized_at && badge("erased")), h("div", { className: "columns" },
    h("section", {}, form([
      field("name", "Name", "text", customer.name), field("email", "E-mail", "email", customer.email), field("phone", "Telephone", "tel", customer.phone),
      field("locale", "Language", "text", customer.locale), field("marketing_consent", "Wants to hear of offers", "checkbox", customer.marketing_consent),
      field("notes", "Notes", "textarea", customer.notes),
    ], "Save", save), h("details", {}, h("summary", {}, "Messages that are wanted"), wishes)),
    h("section", {}, h("h2", {}, "Bookings"), table([
      ["Booking", each => link(`#/bookings/${each.reference}`, each.reference)], ["Name", each => each.customer.name], ["Device", each => device(each.model)],
      ["Total", each => money(each.total)], ["Status", each => badge(each.status)],
    ], theirs), user.permissions.includes("customers.erase") && h("details", {}, h("summary", {}, "Merge, export, erase"), merge,
      h("div", { className: "actions" }, action("Export all that is held", download), action("Erase this person", erase,
        { ask: "Erase this person everywhere, and call off their appointments? This can't be undone.", className: "danger" })))))];
}
