// Other servers that are told what happens to bookings, and how each message to them went.

import { get, patch, post, remove } from "/staff/api.js";
import { badge, h, heading, link, say, when } from "/staff/dom.js";
import { SENDING, action, field, form, list } from "/staff/form.js";

const EVENTS = [
  ["booking.status", "A booking is made, or gets another status"], ["booking.rescheduled", "Its appointment is moved"],
  ["booking.changed", "Its repairs or prices are changed"], ["booking.assigned", "Somebody is to do it"],
];

const state = each => badge(!each.active ? "disabled" : each.failing_since ? "failing" : "active");

export async function all(context, at) {
  return [heading("Webhooks", link("#/webhooks/new", "Add a webhook")), h("p", {}, "Servers of yours that are told what happens to bookings."), await list({
    path: "/api/webhooks", at, empty: "Nobody is told.",
    columns: [
      ["Address", each => link(`#/webhooks/${each.id}`, each.url)], ["Is told of", each => each.events.join(", ") || "everything"],
      ["", state], ["Why", each => each.disabled_reason], ["Failing since", each => when(each.failing_since)],
    ],
  })];
}

export async function one({ refresh }, at) {
  const id = at.params[0];
  const path = `/api/webhooks/${id}`;
  const known = id === "new" ? { url: "", events: [], active: true } : await get(path);
  const secret = h("div", { role: "status" });
  // Open, so that no news take it away before it is read: it is told only once.
  const tell = (text, ...then) => secret.replaceChildren(h("details", { open: true }, h("summary", {}, "The secret that verifies what is sent, shown only now"),
    h("p", {}, h("code", {}, text)), then));
  const whole = form([
    field("url", "Address, beginning with https", "url", known.url),
    h("fieldset", {}, h("legend", {}, "Is told of these (none: of all)"),
      EVENTS.map(([name, title]) => field(name, title, "checkbox", known.events.includes(name)))),
    field("active", "Is told of what happens", "checkbox", known.active),
  ], "Save", async ({ url, active, ...chosen }) => {
    const sent = { url, active, events: EVENTS.map(([name]) => name).filter(name => chosen[name]) };
    if (id === "new") {
      const made = await post("/api/webhooks", sent);
      whole.remove();
      tell(made.secret, link(`#/webhooks/${made.id}`, "Go on to the webhook"));
    } else {
      await patch(path, { ...sent, version: known.version });
      await refresh();
    }
    say("Saved.");
  });
  if (id === "new") return [heading("A new webhook"), whole, secret];
  const again = each => action("Send again", async () => { await post(`${path}/deliveries/${each.id}/retry`); await refresh(); });
  const test = async () => { await post(`${path}/test`); await refresh(); say("A message is on its way."); };
  const renew = async () => tell((await post(`${path}/secret`)).secret, h("p", {}, "The one before is good for another day."));
  const drop = async () => { await remove(path); location.hash = "/webhooks"; };
  return [heading(known.url, state(known)), known.disabled_reason && h("p", { className: "bad" }, known.disabled_reason),
    h("div", { className: "columns" }, h("section", {}, whole, secret), h("section", {}, h("div", { className: "actions" },
      action("Send a test", test), action("Look again", refresh), action("A new secret", renew, { ask: "Make a new secret for this webhook?" }),
      action("Remove", drop, { ask: "Remove this webhook and the record of what it was told?", className: "danger" })))),
    h("section", {}, h("h2", {}, "What it was told"), await list({
      path: `${path}/deliveries`, at, empty: "Nothing yet.", filters: [["status", "Status", SENDING]],
      columns: [
        ["Event", each => each.type], ["When", each => when(each.created_at)], ["Status", each => badge(each.status)], ["Attempts", each => each.attempts],
        ["Answer", each => each.response_status], ["Next", each => each.status === "queued" && when(each.due_at)], ["Last error", each => each.last_error],
        ["", each => ["sent", "dead", "cancelled"].includes(each.status) && again(each)],
      ],
    }))];
}
