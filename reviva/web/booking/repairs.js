// The second step: what is to be repaired, how soon, and what it costs.

const URGENCIES = ["standard", "express", "same_day"];

function repairsStep(booking) {
  const { host, state } = booking;
  const { locale } = host;
  const price = h("div", { class: "panel", part: "price" });
  const offers = state.model.repairs.map(offer => choice("checkbox", "repair", offer.slug, state.repairs.has(offer.slug), event => {
    if (event.target.checked) state.repairs.add(offer.slug);
    else state.repairs.delete(offer.slug);
    state.slot = state.times = null;  // a longer job needs another time
    changed();
  }, h("span", {}, locale.called(offer.name)), h("small", {}, locale.minutes(offer.minutes)), h("b", {}, locale.money(offer.price))));
  const urgencies = URGENCIES.map(each => choice("radio", newId(), each, each === state.urgency, () => {
    state.urgency = each;
    changed();
  }, locale.say(each)));
  const name = newId();
  for (const each of urgencies) each.firstChild.name = name;

  let asking = new AbortController();
  const ask = debounced(150, async () => {
    const { signal } = asking;
    price.setAttribute("aria-busy", "true");
    await host.guard(async () => {
      await booking.requote(signal);
      showPrice();
    });
  });

  function changed() {
    state.quote = null;
    showFaults(booking.body, []);
    asking.abort();
    asking = new AbortController();
    if (state.repairs.size) ask();
    else showPrice();
  }

  function showPrice() {
    price.removeAttribute("aria-busy");
    const { quote } = state;
    if (!quote) {
      price.replaceChildren(h("p", { class: "hint" }, locale.say("chooseForPrice")));
      return;
    }
    price.replaceChildren(priceTable(locale, quote.lines, quote.total),
      h("p", { class: "hint" }, locale.say("validUntil", { at: locale.short(quote.valid_until, hereZone()) })));
    host.say(locale.say("totalIs", { total: locale.money(quote.total) }));
  }

  if (state.repairs.size && !state.quote) ask();
  showPrice();
  const next = () => {
    if (!state.repairs.size) host.fault(booking.body, "repairs", locale.say("chooseRepair"));
    else booking.go("time");
  };
  return [
    h("p", { class: "device" }, deviceName(state.model), h("small", {}, `${locale.called(state.model.category.name)} · ${state.model.year}`)),
    offers.length ? choices("repairs", locale.say("whichRepairs"), h("div", { class: "offers" }, offers))
      : h("p", {}, locale.say("noRepairs")),
    choices("urgency", locale.say("urgency"), h("div", { class: "chips" }, urgencies)),
    price,
    booking.buttons("device", offers.length ? locale.say("continue") : null, next),
  ];
}
