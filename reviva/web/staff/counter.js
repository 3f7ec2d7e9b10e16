// A booking at the counter: the device, its repairs, a time, the customer.

import { get, post, query } from "/staff/api.js";
import { dayOf, device, h, heading, money, say } from "/staff/dom.js";
import { field, form } from "/staff/form.js";
import { slotChoices } from "/staff/slots.js";

const URGENCIES = [["standard", "Standard"], ["express", "Express"], ["same_day", "Same day"]];

export async function book({ shops }) {
  const found = h("ul", { className: "found" });
  const rest = h("div");
  const search = field("q", "Device", "search", "", { placeholder: "for example iPhone 13", autocomplete: "off" });
  const input = search.querySelector("input");
  let asked = 0;
  input.addEventListener("input", async () => {
    const mine = asked += 1;
    await new Promise(done => setTimeout(done, 200));
    if (mine !== asked || input.value.trim().length < 2) return;
    const { items } = await get(`/api/catalog/models${query({ q: input.value, limit: 8 })}`);
    if (mine !== asked) return;
    found.replaceChildren(...items.map(model => h("li", {}, h("button", { type: "button", onclick: () => choose(model) },
      `${device(model)} (${model.year})`))));
  });
  async function choose(model) {
    found.replaceChildren();
    input.value = device(model);
    rest.replaceChildren(await order(model.slug, shops));
    rest.querySelector("input, select")?.focus();
  }
  return [heading("New booking"), search, found, rest];
}

async function order(model, shops) {
  const { repairs } = await get(`/api/catalog/models/${model}`);
  if (!repairs.length) return h("p", {}, "No repair of this device has a price.");
  const price = h("p", { className: "total", role: "status" });
  const times = h("div");
  const open = shops.filter(each => each.active);
  const key = crypto.randomUUID();
  let quote = null;
  const chosen = () => repairs.filter(each => whole.elements[`do-${each.slug}`].checked).map(each => each.slug);
  const shop = () => whole.elements.shop?.value ?? open[0]?.slug;
  const timezone = () => open.find(each => each.slug === shop())?.timezone ?? "UTC";
  async function reprice() {
    quote = null;
    price.textContent = "";
    times.replaceChildren();
    if (!chosen().length) return;
    const asked = { model, repairs: chosen(), shop: shop() };
    const [priced, slots] = await Promise.all([
      post("/api/quotes", { ...asked, urgency: whole.elements.urgency.value }),
      slotChoices(asked, dayOf(Date.now(), timezone())),
    ]);
    quote = priced.quote;
    price.textContent = `Total ${money(priced.total)}`;
    times.replaceChildren(slots);
  }
  const send = async values => {
    const body = {
      model, repairs: chosen(), urgency: values.urgency, shop: shop(), starts_at: values.starts_at, notes: values.notes, quote,
      customer: { name: values["customer.name"], email: values["customer.email"], phone: values["customer.phone"] || null },
    };
    if (!body.starts_at) return say("Choose a repair and a time first.", true);
    const made = await post("/api/bookings", body, { "Idempotency-Key": key });
    say(`Booked: ${made.reference}.`);
    location.hash = `/bookings/${made.reference}`;
  };
  const repairsSet = h("fieldset", {}, h("legend", {}, "Repairs"), repairs.map(each =>
    field(`do-${each.slug}`, `${each.name} · ${money(each.price)} · ${each.minutes} min`, "checkbox")));
  const whole = form([
    repairsSet, h("div", { className: "pair" }, field("urgency", "Urgency", URGENCIES, "standard"),
      open.length > 1 && field("shop", "Shop", open.map(each => [each.slug, each.name]), open[0].slug)),
    price, times,
    h("div", { className: "pair" }, field("customer.name", "Name", "text", "", { autocomplete: "off" }),
      field("customer.email", "E-mail", "email", "", { autocomplete: "off" }), field("customer.phone", "Telephone", "tel", "", { autocomplete: "off" })),
    field("notes", "Notes", "textarea"),
  ], "Book", send);
  whole.addEventListener("change", event => {
    if (/^(do-|urgency|shop)/.test(event.target.name)) reprice().catch(problem => say(problem.message, true));
  });
  return whole;
}
