// The people who work here, and oneself.

import { get, patch, post, remove } from "/staff/api.js";
import { badge, h, heading, link, say, when } from "/staff/dom.js";
import { action, field, form, list, table } from "/staff/form.js";

const ROLES = ["technician", "manager", "admin", "customer"].map(each => [each, each]);

export async function all({ user }, at) {
  const may = user.permissions.includes("users.change");
  return [heading("Users", may && link("#/users/new", "Add somebody")), await list({
    path: "/api/users", at, fixed: { sort: "name" }, filters: [["role", "Role", [["", "Any"], ...ROLES]]],
    columns: [
      ["Name", each => may ? link(`#/users/${each.id}`, each.name || each.email) : each.name || each.email], ["E-mail", each => each.email], ["Role", each => each.role],
      ["Last login", each => when(each.last_login_at)], ["", each => badge(each.active ? "active" : "disabled")],
    ],
  })];
}

export async function one({ refresh }, at) {
  const id = at.params[0];
  const known = id === "new" ? { name: "", email: "", role: "technician" } : await get(`/api/users/${id}`);
  const fields = [
    field("name", "Name", "text", known.name), field("email", "E-mail", "email", known.email), field("role", "Role", ROLES, known.role),
    id !== "new" && field("active", "May log in", "checkbox", known.active),
  ];
  return [heading(known.name || "Somebody new"), id === "new" && h("p", {}, "A link to set a password is mailed to them."),
    form(fields, "Save", async values => {
      const saved = id === "new" ? await post("/api/users", values) : await patch(`/api/users/${id}`, { ...values, version: known.version });
      say("Saved.");
      if (id === "new") location.hash = `/users/${saved.id}`;
      else await refresh();
    })];
}

export async function me({ user, refresh }) {
  const { items } = await get("/api/auth/sessions");
  const end = each => action("End", async () => { await remove(`/api/auth/sessions/${each.id}`); await refresh(); });
  return [heading(user.name || user.email), h("p", {}, `${user.email}, ${user.role}`), h("div", { className: "columns" },
    h("section", {}, h("h2", {}, "Password"), form([
      field("current", "The present one", "password", "", { autocomplete: "current-password" }),
      field("new", "The new one: long is better than odd", "password", "", { autocomplete: "new-password" }),
    ], "Change", async (values, whole) => {
      await post("/api/auth/password", values);
      whole.reset();
      say("The password is changed; your other sessions have ended.");
    })),
    h("section", {}, h("h2", {}, "Where you are logged in"), table([
      ["Device", each => each.device.slice(0, 60)], ["Address", each => each.address], ["Last used", each => when(each.used_at)],
      ["", each => each.current ? "this one" : end(each)],
    ], items), action("End all others", async () => { await remove("/api/auth/sessions"); await refresh(); })))];
}
