// The first step: which device. By typing, or by category and brand.

const SHOWN = 12;

function deviceStep(booking) {
  const { host, state } = booking;
  const { locale } = host;
  const found = h("div", { class: "found" });
  const input = h("input", { type: "search", value: state.query, autocomplete: "off", spellcheck: "false", maxlength: "200" });
  let asking = new AbortController();

  async function show(draw) {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    await host.guard(async () => {
      const drawn = await draw(signal);
      signal.throwIfAborted();
      found.replaceChildren(...drawn);
    });
  }

  const get = (path, query, signal) => host.client.get(path, query, { signal });
  const models = (query, signal) => get("/api/catalog/models", { limit: SHOWN, ...query }, signal);

  async function search(signal) {
    const { items } = await models({ q: state.query, category: booking.fixedCategory }, signal);
    host.say(items.length ? locale.say("found", { n: locale.number(items.length) }) : locale.say("notFound"));
    return items.length ? [modelList(items)] : [h("p", { class: "hint" }, locale.say("notFound")), ...await browse(signal)];
  }

  async function browse(signal) {
    const category = booking.fixedCategory ?? state.category;
    if (!category) {
      const { items } = await get("/api/catalog/categories", {}, signal);
      return [heading(locale.say("browse")), chips(items, each => go(each, null))];
    }
    const back = booking.fixedCategory ? null : button(locale.say("allCategories"), () => go(null, null), "link");
    const { items: brands } = await get("/api/catalog/brands", { category }, signal);
    const list = chips(brands, each => go(booking.fixedCategory ? null : { slug: category }, each), state.brand);
    if (!state.brand) return [heading(locale.say("browse")), back, list].filter(Boolean);
    return [heading(locale.say("browse")), back, list, await brandModels(category, signal)].filter(Boolean);
  }

  async function brandModels(category, signal) {
    const list = modelList([]);
    const more = button(locale.say("more"), () => host.guard(load), "plain");
    let after = null;
    async function load() {
      const page = await models({ category, brand: state.brand, after, sort: "-year,name" }, signal);
      const known = list.children.length;
      list.append(...page.items.map(modelRow));
      after = page.next;
      more.hidden = !after;
      if (known) list.children[known]?.querySelector("button").focus();
    }
    await load();
    return h("div", {}, list, more);
  }

  async function go(category, brand) {
    state.category = category?.slug ?? null;
    state.brand = brand?.slug ?? null;
    state.query = input.value = "";
    await show(browse);
    found.querySelector("h3")?.focus();
  }

  const heading = text => h("h3", { tabindex: "-1" }, text);
  const chips = (items, act, chosen = null) => h("ul", { class: "chips" }, items.map(each => h("li", {},
    h("button", { type: "button", class: "chip", "aria-pressed": String(each.slug === chosen), onclick: () => act(each) }, locale.called(each.name)))));
  const modelList = items => h("ul", { class: "models" }, items.map(modelRow));
  const modelRow = model => h("li", {}, h("button", { type: "button", class: "row", onclick: () => booking.choose(model.slug) },
    h("span", {}, deviceName(model)), h("small", {}, `${locale.called(model.category.name)} · ${model.year}`)));

  const refresh = () => show(state.query.trim().length > 1 ? search : browse);
  const later = debounced(200, refresh);
  input.addEventListener("input", () => {
    state.query = input.value;
    later();
  });
  refresh();
  return [
    h("form", { role: "search", onsubmit: event => { event.preventDefault(); refresh(); } },
      field("model", locale.say("find"), input, locale.say("findHint"))),
    found,
  ];
}
