// The choice of a free time: a day, then an hour, in the shop's zone. Shared by the booking and by moving one.

const SPAN = 7;
const FAR = 92;
/** Days: shown at once, and looked through for the next free one (the most that the API looks at). */

class Times {
  /** `wanted` is {model, repairs: [slug…], shop}; `host` has `client`, `locale`, `say(text)` and `guard(work)`. */
  constructor(host, wanted, chosen = null, onchoose = () => {}) {
    Object.assign(this, { host, wanted, chosen, onchoose, zone: null, first: null, day: null, slots: [], end: false });
    this.element = h("div", { class: "times" });
  }

  /** Shows the days from `first` on (without one, from today); where nothing is free then, the next free ones. */
  async load(first = this.first) {
    this.element.setAttribute("aria-busy", "true");
    if (!this.element.hasChildNodes()) this.element.append(h("p", { class: "hint" }, this.host.locale.say("loading")));
    let found = await this.ask(first, SPAN);
    this.end = false;
    if (!found.slots.length) {
      const far = await this.ask(first, FAR);
      this.end = !far.slots.length;
      if (!this.end) {
        first = dayIn(far.slots[0].starts_at, far.timezone);
        const last = addDays(first, SPAN);
        found = { ...far, slots: far.slots.filter(slot => dayIn(slot.starts_at, far.timezone) < last) };
      }
    }
    this.show(found, first);
  }

  ask(from, days) {
    const { model, repairs, shop } = this.wanted;
    return this.host.client.get("/api/availability", { model, repairs: repairs.join(), shop, from, days });
  }

  show({ timezone, slots }, first) {
    const today = dayIn(new Date(), timezone);
    this.zone = timezone;
    this.slots = slots.map(slot => ({ ...slot, day: dayIn(slot.starts_at, timezone) }));
    this.first = first ?? today;
    const [next] = this.slots;
    // A visitor's clock may be days wrong; the shop's slots are not.
    if (next && (next.day < this.first || next.day >= addDays(this.first, SPAN))) this.first = next.day;
    if (!this.slots.some(slot => slot.starts_at === this.chosen?.starts_at)) this.choose(null);
    const free = new Set(this.slots.map(slot => slot.day));
    this.day = this.chosen ? dayIn(this.chosen.starts_at, timezone) : free.has(this.day) ? this.day : next?.day ?? null;
    this.draw(free, today);
  }

  draw(free, today) {
    const { locale } = this.host;
    const days = Array.from({ length: SPAN }, (_, n) => addDays(this.first, n));
    const name = newId();
    const chips = days.map(day => {
      const chip = choice("radio", `${name}-day`, day, day === this.day, () => this.open(day),
        h("small", {}, locale.day(day, { weekday: "short" })), h("b", {}, locale.day(day, { day: "numeric" })),
        h("small", {}, locale.day(day, { month: "short" })));
      chip.firstChild.disabled = !free.has(day);
      chip.firstChild.setAttribute("aria-label", locale.day(day, { dateStyle: "full" }));
      return chip;
    });
    const earlier = button(locale.say("earlier"), () => this.page(-SPAN), "plain");
    const later = button(locale.say("later"), () => this.page(SPAN), "plain");
    earlier.disabled = this.first <= today;
    later.disabled = this.end;
    this.hours = h("div", { class: "hours" });
    this.element.replaceChildren(
      h("p", { class: "hint" }, zoneNote(locale, this.zone, this.slots[0]?.starts_at ?? new Date())),
      choices("day", locale.say("day"), h("div", { class: "chips days" }, chips)),
      h("div", { class: "actions between" }, earlier, later), this.hours);
    this.element.removeAttribute("aria-busy");
    this.open(this.day);
  }

  async page(days) {
    await this.host.guard(async () => {
      let first = addDays(this.first, days);
      const today = dayIn(new Date(), this.zone);
      if (first < today) first = today;
      this.day = null;
      await this.load(first);
      const [next] = this.slots;
      this.host.say(next ? this.host.locale.day(next.day, { dateStyle: "full" }) : this.host.locale.say("noTimes"));
      const [earlier, later] = this.element.querySelectorAll(".between button");
      (later.disabled || (days < 0 && !earlier.disabled) ? earlier : later).focus();
    });
  }

  open(day) {
    const { locale } = this.host;
    this.day = day;
    const slots = this.slots.filter(slot => slot.day === day);
    if (!slots.length) {
      this.hours.replaceChildren(h("p", {}, locale.say("noTimes")));
      return;
    }
    const labels = slots.map(slot => locale.time(slot.starts_at, this.zone));
    const name = newId();
    const chips = slots.map((slot, n) => {
      // The hour that comes twice when the clock goes back is told apart by the zone's name.
      const twice = labels.filter(label => label === labels[n]).length > 1;
      const label = twice ? `${labels[n]} ${locale.zone(slot.starts_at, this.zone, "short")}` : labels[n];
      return choice("radio", `${name}-time`, slot.starts_at, slot.starts_at === this.chosen?.starts_at, () => this.choose(slot), label);
    });
    const title = locale.day(day, { weekday: "long", day: "numeric", month: "long" });
    this.hours.replaceChildren(choices("starts_at", locale.say("timeOn", { day: title }), h("div", { class: "chips" }, chips)));
  }

  choose(slot) {
    this.chosen = slot;
    showFaults(this.element, []);
    this.onchoose(slot, this.zone);
  }
}

/** Which zone the times are in; and, for somebody whose clock shows another time, that it is not theirs. */
function zoneNote(locale, zone, at) {
  const place = `${locale.zone(at, zone)} (${zone.replaceAll("_", " ")})`;
  const same = locale.short(at, zone) === locale.short(at, hereZone());
  return locale.say(same ? "zone" : "zoneOther", { zone: place, yours: hereZone().replaceAll("_", " ") });
}
