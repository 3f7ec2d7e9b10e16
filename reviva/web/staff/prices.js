// What repairs cost: the rules, the market, and each model's price list.

import { Problem, get, patch, post, put, query, remove } from "/staff/api.js";
import { badge, device, h, heading, link, minorUnits, money, say, words } from "/staff/dom.js";
import { action, amountField, amountOf, field, form, list, table, values } from "/staff/form.js";

const KINDS = {
  percent: "Adds, or takes off, so many percent", fixed: "Adds, or takes off, an amount", multiplier: "Makes it so many percent of what it was",
  factor: "Follows a market factor, so many percent of it", minimum: "Costs at least", maximum: "Costs at most",
};

// Rules of money count in the currency's minor units, the others in hundredths of a percent.
const ofMoney = kind => ["fixed", "minimum", "maximum"].includes(kind);
const scale = (kind, shops) => (ofMoney(kind) ? minorUnits(shops[0]?.currency ?? "EUR") : 100);

export async function rules({ shops }, at) {
  const { items: factors } = await get("/api/pricing/factors?limit=200");
  const shown = await list({
    path: "/api/pricing/rules", at, empty: "There is no rule: every repair costs its base price.",
    columns: [
      ["Order", each => each.priority], ["Rule", each => link(`#/prices/rules/${each.id}`, each.name)], ["Kind", each => each.kind],
      ["Value", each => `${each.value / scale(each.kind, shops)}${ofMoney(each.kind) ? "" : " %"}`], ["For", each => Object.entries(each.conditions).map(([name, value]) => `${words(name)}: ${value}`).join("; ") || "everything"],
      ["", each => badge(each.active ? "active" : "off")],
    ],
  });
  return [heading("Prices", link("#/prices/rules/new", "Add a rule")), priceList(), h("h2", {}, "Rules, in their order"), shown,
    h("h2", {}, "Market factors"), h("p", {}, "100 % is the normal market."), factors.map(factor)];
}

function factor(each) {
  return form([field("value", `${each.name || each.key}, %`, "number", each.value / 100, { min: 0, step: 0.01 })], "Set", async ({ value }) => {
    each.version = (await put(`/api/pricing/factors/${each.key}`, { value: Math.round(value * 100), version: each.version })).version;
    say(`${each.name || each.key} is ${value} %.`);
  }, { className: "line" });
}

function priceList() {
  const found = h("ul", { className: "found" });
  const search = form([field("q", "Price list of a device", "search")], "Find", async ({ q }) => {
    const { items } = await get(`/api/catalog/models${query({ q, limit: 8 })}`);
    found.replaceChildren(...items.map(model => h("li", {}, link(`#/prices/models/${model.slug}`, `${device(model)} (${model.year})`))));
  }, { className: "line", role: "search" });
  return h("section", {}, search, found);
}

export async function model(context, at) {
  const path = `/api/catalog/models/${at.params[0]}/prices`;
  const { model: priced, items: known } = await get(path);
  const currencies = [...new Set(known.map(each => each.price.currency))];
  const shown = currencies.map(currency => {
    const offers = known.filter(each => each.price.currency === currency);
    const fields = offers.map(each => amountField(each.repair.slug, each.repair.name, currency, each.price.amount, { min: 0 }));
    return form(fields, "Save", async found => {
      const items = offers.filter(each => found[each.repair.slug] !== null)
        .map(each => ({ repair: each.repair.slug, amount: amountOf(found[each.repair.slug], currency), minutes: each.minutes }));
      await put(path, { currency, items });
      say("The prices are saved. Bookings keep theirs.");
    });
  });
  return [heading(`Prices: ${device(priced)}`), h("p", {}, "A repair without a price is not offered."), shown];
}

export async function rule({ shops, refresh }, at) {
  const id = at.params[0];
  const known = id === "new" ? { name: "", kind: "percent", value: 0, priority: 100, factor: null, conditions: {}, stops: false, active: true }
    : await get(`/api/pricing/rules/${id}`);
  const { items: factors } = await get("/api/pricing/factors?limit=200");
  const outcome = h("div", { role: "status" });
  const body = found => ({ ...found, value: Math.round(found.value * scale(found.kind, shops)), factor: found.factor || null,
    conditions: parsed(found.conditions) });
  const save = async found => {
    if (id === "new") {
      const made = await post("/api/pricing/rules", body(found));
      location.hash = `/prices/rules/${made.id}`;
    } else {
      await patch(`/api/pricing/rules/${id}`, { ...body(found), version: known.version });
      await refresh();
    }
    say("The rule is saved.");
  };
  const whole = form([
    field("name", "Name", "text", known.name), field("kind", "What it does", Object.entries(KINDS), known.kind),
    field("value", "So much: percent, or money", "number", known.value / scale(known.kind, shops), { step: 0.01 }), field("priority", "Order (lower comes first)", "number", known.priority),
    field("factor", "Market factor", [["", "None"], ...factors.map(each => [each.key, each.name || each.key])], known.factor),
    field("conditions", "For which repairs, as JSON (empty is all)", "textarea", JSON.stringify(known.conditions, null, 1)),
    field("stops", "No later rule applies after this one", "checkbox", known.stops), field("active", "In force", "checkbox", known.active),
  ], "Save", save);
  const simulate = action("What would it have earned?", async () => {
    const found = await post("/api/pricing/simulate", { days: 30, rule: id === "new" ? null : Number(id), change: body(values(whole)) });
    outcome.replaceChildren(table([["", ([name]) => name], ["", ([, value]) => value]], [
      ["Bookings of 30 days", found.bookings], ["Changed", found.changed], ["Before", money(found.before)],
      ["After", money(found.after)], ["Difference", money(found.difference)],
    ]));
  });
  const drop = async () => {
    await remove(`/api/pricing/rules/${id}`);
    location.hash = "/prices";
  };
  return [heading(known.name || "New rule"), whole, h("div", { className: "actions" }, simulate,
    id !== "new" && action("Remove", drop, { ask: "Remove this rule?", className: "danger" })), outcome];
}

function parsed(conditions) {
  try {
    return JSON.parse(conditions || "{}");
  } catch {
    throw new Problem(422, { errors: [{ field: "conditions", message: "this is not JSON" }] });
  }
}
