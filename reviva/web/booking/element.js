// <reviva-booking>: finds a device, shows prices and free times, and books.

const STEPS = { device: deviceStep, repairs: repairsStep, time: timeStep, details: detailsStep, done: doneStep };
const NAMES = Object.keys(STEPS);

/** Where this script came from: there is the API, unless `server` names another place. */
const origin = new URL((document.currentScript ?? document.querySelector('script[src*="/widget.js"]'))?.src ?? location.href).origin;

class RevivaBooking extends HTMLElement {
  static observedAttributes = ["locale", "lang", "server", "shop", "model", "category"];

  connectedCallback() {
    if (!this.shadowRoot) dress(this.attachShadow({ mode: "open" }));
    this.leaving ??= () => keep(this.keptAs, this.state);
    addEventListener("pagehide", this.leaving);
    const state = this.state ?? kept(this.keptAs);
    if (state) this.settle(state);  // moved within its page, or the page loaded again: nothing is lost
    else this.restart();
    if (state?.attempt?.lost) this.host.tell(this.host.locale.say("lost"));
  }

  disconnectedCallback() {
    removeEventListener("pagehide", this.leaving);
    this.host.leave();
  }

  /** Where in this tab its state is kept: each element of a page has its own. */
  get keptAs() {
    const place = [...document.querySelectorAll("reviva-booking")].indexOf(this);
    const asked = ["server", "shop", "model", "category"].map(name => this.getAttribute(name) ?? "");
    return ["reviva-booking", location.pathname, place, ...asked].join(" ");
  }

  attributeChangedCallback(name, before, after) {
    if (!this.isConnected || !this.host || before === after) return;
    if (name === "locale" || name === "lang") this.settle(this.state);
    else this.restart();
  }

  get shop() {
    return this.getAttribute("shop");
  }

  get fixedCategory() {
    return this.getAttribute("category");
  }

  /** Begins anew; with the same contact for somebody who books another repair. */
  restart(again = false) {
    const contact = again ? this.state.contact : {};
    this.settle({
      step: "device", query: "", category: null, brand: null, model: null, repairs: new Set(), urgency: "standard",
      quote: null, times: null, slot: null, zone: null, contact, attempt: null, booking: null,
    });
    const model = this.getAttribute("model");
    if (again) this.focusHeading();
    else if (model) this.choose(model, false);
  }

  /** Draws a state from the ground up: the language or the server may be another one. */
  settle(state) {
    this.host?.leave();
    const asked = this.getAttribute("locale") || (this.closest("[lang]") ?? document.documentElement).lang || navigator.language;
    this.host = new Host((this.getAttribute("server") || origin).replace(/\/$/, ""), new Locale(asked));
    this.state = Object.assign(state, { times: null });
    this.heading = h("h2", { tabindex: "-1", part: "heading" });
    this.progress = h("ol", { class: "progress", "aria-label": this.host.locale.say("steps") });
    this.body = h("div", { class: "body" });
    this.shadowRoot.replaceChildren(card({ lang: this.host.locale.tag, "aria-label": this.host.locale.say("title") },
      this.progress, this.heading, this.host.alert, this.host.status, this.body));
    this.draw();
  }

  draw() {
    const { locale } = this.host;
    const at = NAMES.indexOf(this.state.step);
    this.progress.replaceChildren(...NAMES.slice(0, -1).map((name, n) =>
      h("li", { class: n < at ? "past" : "", "aria-current": n === at && "step" }, h("span", {}, locale.say(name)))));
    this.heading.textContent = locale.say(this.state.step);
    this.body.replaceChildren(...STEPS[this.state.step](this).flat().filter(Boolean));
  }

  /** Shows a step, with something to say about why; and moves there, unless it is the page that begins with it. */
  go(step, notice = "", move = true) {
    this.state.step = step;
    this.host.turn += 1;
    this.host.tell("");
    this.draw();
    if (move) this.focusHeading();
    if (notice) this.notice(notice);
    this.dispatchEvent(new CustomEvent("reviva:step", { bubbles: true, composed: true, detail: { step } }));
  }

  focusHeading() {
    this.heading.focus({ preventScroll: true });
    this.heading.scrollIntoView({ block: "nearest" });
  }

  /** Said above the step, and still there when what the step loads has come. */
  notice(text) {
    this.body.prepend(h("p", { class: "notice", role: "alert" }, text));
  }

  buttons(before, next, act) {
    return h("div", { class: "actions" }, next && button(next, act, "main"),
      button(this.host.locale.say("back"), () => this.go(before), "plain"));
  }

  async choose(slug, move = true) {
    const { state, host } = this;
    await host.guard(async () => {
      let model;
      try {
        model = await host.client.get(`/api/catalog/models/${encodeURIComponent(slug)}`, { shop: this.shop });
      } catch (problem) {
        if (problem.status !== 404) throw problem;
        this.notice(host.locale.say("unknownModel"));
        return;
      }
      if (state !== this.state) return;
      if (state.model?.slug !== model.slug) Object.assign(state, { repairs: new Set(), quote: null, times: null, slot: null });
      state.model = model;
      this.go("repairs", "", move);
    });
  }

  /** Asks for the price of what is chosen, for the time that is chosen. */
  async requote(signal) {
    const { state } = this;
    state.quote = await this.host.client.post("/api/quotes", {
      ...this.wanted(), ...(state.slot && { starts_at: state.slot.starts_at }),
    }, { signal, repeatable: true });
  }

  wanted() {
    const { model, repairs, urgency } = this.state;
    return { model: model.slug, repairs: [...repairs], urgency, ...(this.shop && { shop: this.shop }) };
  }

  order() {
    const { slot, quote, contact } = this.state;
    const [name, email, phone, notes] = ["name", "email", "phone", "notes"].map(each => (contact[each] ?? "").trim());
    return {
      ...this.wanted(), starts_at: slot.starts_at, quote: quote.quote, notes, locale: this.host.locale.forServer,
      customer: { name, email, ...(phone && { phone }) },
    };
  }

  /** Books. While nobody knows what became of an attempt, the same one is sent again and nothing else. */
  async submit(send) {
    if (this.busy) return;
    const { state, host } = this;
    if (!state.attempt?.lost) {
      const body = this.order();
      const empty = ["name", "email"].filter(each => !body.customer[each]);
      const faults = empty.map(each => ({ field: `customer.${each}`, message: host.locale.say("f_empty") }));
      showFaults(this.body, faults);
      if (faults.length) return;
      if (!navigator.onLine) {
        await host.complain(new Problem(0), () => this.submit(send));
        return;
      }
      const text = JSON.stringify(body);
      if (state.attempt?.text !== text) state.attempt = { body, text, key: newKey(), lost: false };
    }
    this.busy = true;
    send.setAttribute("aria-disabled", "true");
    send.textContent = host.locale.say("booking");
    host.tell("");
    try {
      state.booking = await host.client.post("/api/bookings", state.attempt.body, { key: state.attempt.key });
      if (state === this.state) this.booked();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (state === this.state) await this.refused(problem);
    } finally {
      this.busy = false;
      send.removeAttribute("aria-disabled");
      send.textContent = host.locale.say(state.attempt?.lost ? "again" : "book");
    }
  }

  booked() {
    const { reference, status, starts_at } = this.state.booking;
    this.state.attempt = null;
    this.go("done");
    // Not the token: what opens the booking is between its customer and the shop.
    this.dispatchEvent(new CustomEvent("reviva:booked", { bubbles: true, composed: true, detail: { reference, status, starts_at } }));
  }

  async refused(problem) {
    const { state, host } = this;
    const { locale } = host;
    if (problem.uncertain || (problem.status === 429 && state.attempt.lost)) {
      state.attempt.lost = true;
      this.go("details");
      this.host.tell(`${locale.say("lost")} ${problem.status === 0 && !navigator.onLine ? locale.say("offline") : ""}`.trim());
      host.resume = () => this.body.querySelector("form").requestSubmit();
      return;
    }
    const was = state.attempt;
    if (problem.status !== 429) state.attempt = null;
    const about = name => problem.faults.some(fault => fault.field === name);
    if (problem.code === "slot-taken" || about("starts_at")) {
      const why = about("starts_at") ? await host.explain(problem) : locale.say("slotTaken");
      state.slot = null;
      this.go("time", why);
    } else if (about("quote")) {
      await host.guard(() => this.requote());
      this.go("details", locale.say("priceChanged", { total: locale.money(state.quote.total) }));
    } else {
      if (was.lost) this.go("details");
      const others = showFaults(this.body, problem.faults.map(fault => ({ ...fault, message: locale.fault(fault) })));
      if (others.length || !problem.faults.length) host.tell(await host.explain(problem));
    }
  }
}

if (!customElements.get("reviva-booking")) customElements.define("reviva-booking", RevivaBooking);
