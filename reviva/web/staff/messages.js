// The messages that are queued, were sent, or could not be.

import { post } from "/staff/api.js";
import { badge, heading, link, when, words } from "/staff/dom.js";
import { SENDING, action, list } from "/staff/form.js";

export async function all({ user, refresh }, at) {
  const may = user.permissions.includes("notifications.change");
  const act = (each, verb) => action(verb, async () => { await post(`/api/notifications/${each.id}/${verb}`); await refresh(); });
  return [heading("Messages"), await list({
    path: "/api/notifications", at, empty: "No message fits.",
    filters: [
      ["status", "Status", SENDING],
      ["channel", "Channel", [["", "Any"], ["email", "E-mail"], ["sms", "SMS"], ["log", "Log: no transport is set"]]],
    ],
    columns: [
      ["Message", each => words(each.template)], ["To", each => each.recipient], ["By", each => each.channel],
      ["Booking", each => each.reference && link(`#/bookings/${each.reference}`, each.reference)],
      ["Status", each => badge(each.status)], ["When", each => when(each.sent_at ?? each.due_at)], ["Attempts", each => each.attempts],
      ["Last error", each => each.last_error],
      ["", each => may && (["dead", "cancelled"].includes(each.status) ? act(each, "retry") : each.status === "queued" && act(each, "cancel"))],
    ],
  })];
}
