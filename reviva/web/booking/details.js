// The last two steps: who comes, and what was booked.

function timeStep(booking) {
  const { host, state } = booking;
  state.times ??= new Times(host, { model: state.model.slug, repairs: [...state.repairs], shop: booking.shop }, null, (slot, zone) => {
    state.slot = slot;
    state.zone = zone;
    if (slot) host.tell("");
  });
  host.guard(() => state.times.load());
  const next = async () => {
    if (!state.slot) {
      host.fault(booking.body, "starts_at", host.locale.say("chooseTime"));
      return;
    }
    // Some prices depend on the day and the hour.
    const before = state.quote?.total.amount;
    if (!await host.guard(() => booking.requote())) return;
    const { total } = state.quote;
    const changed = before !== undefined && before !== total.amount;
    booking.go("details", changed ? host.locale.say("priceForTime", { total: host.locale.money(total) }) : "");
  };
  return [state.times.element, booking.buttons("repairs", host.locale.say("continue"), next)];
}

function detailsStep(booking) {
  const { host, state } = booking;
  const { locale } = host;
  const lost = Boolean(state.attempt?.lost);
  const input = (name, attributes) => h(attributes.rows ? "textarea" : "input", {
    ...attributes, name, value: state.contact[name] ?? "", oninput: event => { state.contact[name] = event.target.value; },
  });
  const send = h("button", { type: "submit", class: "main" }, locale.say(lost ? "again" : "book"));
  const form = h("form", {
    novalidate: true, onsubmit: event => {
      event.preventDefault();
      booking.submit(send);
    },
  },
    h("fieldset", { class: "bare", disabled: lost },
      field("customer.name", locale.say("name"), input("name", { autocomplete: "name", required: true, maxlength: "200" })),
      field("customer.email", locale.say("email"), input("email", { type: "email", autocomplete: "email", required: true, maxlength: "254" }),
        locale.say("emailHint")),
      field("customer.phone", locale.say("phone"), input("phone", { type: "tel", autocomplete: "tel", maxlength: "40" })),
      field("notes", locale.say("notes"), input("notes", { rows: "3", maxlength: "4000" }))),
    h("div", { class: "actions" }, send, !lost && button(locale.say("back"), () => booking.go("time"), "plain")));
  return [summary(booking), form];
}

function summary({ host: { locale }, state }) {
  return h("section", { class: "panel", "aria-label": locale.say("summary") },
    h("p", { class: "device" }, deviceName(state.model), h("small", {}, when(locale, state.slot.starts_at, state.zone))),
    priceTable(locale, state.quote.lines, state.quote.total));
}

function doneStep(booking) {
  const { host, state } = booking;
  const { locale } = host;
  const { token, ...made } = state.booking;
  const rows = [
    ["reference", h("strong", { class: "reference" }, made.reference)],
    ["appointment", when(locale, made.starts_at, made.shop.timezone)],
    ["shop", [made.shop.name, made.shop.address].filter(Boolean).join(", ")],
    ["total", locale.money(made.total)],
  ];
  return [
    h("p", { class: "good" }, locale.say(made.status === "pending" ? "bookedPending" : "bookedConfirmed")),
    h("dl", {}, rows.map(([name, value]) => [h("dt", {}, locale.say(name)), h("dd", {}, value)]).flat()),
    h("p", { class: "hint" }, locale.say("mailComes", { email: made.customer.email })),
    h("div", { class: "actions" },
      token && h("a", { class: "button main", target: "_blank", rel: "noopener noreferrer",
        href: `${host.client.server}/track/${made.reference}?token=${encodeURIComponent(token)}` }, locale.say("track")),
      token && button(locale.say("calendar"), () => host.guard(() => saveCalendar(host.client, made.reference, token)), "plain"),
      button(locale.say("another"), () => booking.restart(true), "plain")),
  ];
}
