// How things are said: words from a dictionary, money and times as the reader's language writes them.

const WORDS = {};
/** Language → key → text with `{name}`s to fill in. A file for each; what one lacks is said in English. */

class Locale {
  /** Of several BCP 47 tags the first that has a dictionary is taken; without a country, with the visitor's. */
  constructor(...tags) {
    const known = tags.map(canonical).find(tag => tag && WORDS[tag.split("-")[0]]) ?? "en";
    this.language = known.split("-")[0];
    const visitor = navigator.languages.find(tag => tag.startsWith(`${known}-`));
    this.tag = visitor ?? (known === "en" ? "en-GB" : known);
  }

  /** As the API takes it: a language, perhaps with a country. */
  get forServer() {
    const [, language, region] = /^([a-z]{2,3})(?:-[A-Z][a-z]{3})?(-[A-Z]{2})?/.exec(this.tag);
    return language + (region ?? "");
  }

  say(key, values = {}) {
    const text = WORDS[this.language][key] ?? WORDS.en[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  /** A category, a repair or a rule, which the API names as the shop does. */
  called(name) {
    return CALLED[this.language]?.[name] ?? name;
  }

  /** What is wrong with a field: in the reader's words where they are there, else in the server's. */
  fault({ code, message }) {
    return WORDS[this.language][`f_${code}`] ?? message;
  }

  /** `{amount, currency}`, amount in minor units; `signed` shows a plus too. */
  money({ amount, currency }, signed = false) {
    const format = new Intl.NumberFormat(this.tag, {
      ...moneyStyle(currency), currencyDisplay: "narrowSymbol", signDisplay: signed ? "exceptZero" : "auto",
    });
    return format.format(amount / 10 ** digits(currency));
  }

  minutes(count) {
    return new Intl.NumberFormat(this.tag, { style: "unit", unit: "minute", unitDisplay: "short" }).format(count);
  }

  number(count) {
    return new Intl.NumberFormat(this.tag).format(count);
  }

  /** An instant (ISO 8601 or a Date) in a zone; `how` is Intl's options. */
  time(at, zone, how = { hour: "numeric", minute: "2-digit" }) {
    return new Intl.DateTimeFormat(this.tag, { timeZone: zone, ...how }).format(new Date(at));
  }

  when(at, zone) {
    return this.time(at, zone, { dateStyle: "full", timeStyle: "short" });
  }

  short(at, zone) {
    return this.time(at, zone, { dateStyle: "medium", timeStyle: "short" });
  }

  /** What a zone is called at some instant, such as "Central European Standard Time". */
  zone(at, zone, name = "long") {
    const parts = new Intl.DateTimeFormat(this.tag, { timeZone: zone, timeZoneName: name }).formatToParts(new Date(at));
    return parts.find(part => part.type === "timeZoneName").value;
  }

  /** A calendar day `YYYY-MM-DD`. */
  day(day, how) {
    return this.time(`${day}T12:00:00Z`, "UTC", how);
  }
}

function canonical(tag) {
  try {
    return tag ? Intl.getCanonicalLocales(tag.replaceAll("_", "-"))[0] : null;
  } catch {
    return null;
  }
}

/** The calendar day of an instant in a zone, `YYYY-MM-DD`. */
function dayIn(at, zone) {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" })
    .formatToParts(new Date(at));
  return ["year", "month", "day"].map(type => parts.find(part => part.type === type).value).join("-");
}

/** A calendar day some days later: days, not 24 hours, so that no change of the clock is in the way. */
function addDays(day, count) {
  const at = new Date(`${day}T12:00:00Z`);
  at.setUTCDate(at.getUTCDate() + count);
  return at.toISOString().slice(0, 10);
}

const hereZone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A time in the shop's zone, with the zone where the visitor's clock shows another time. */
function when(locale, at, zone) {
  const elsewhere = locale.short(at, zone) !== locale.short(at, hereZone());
  return elsewhere ? `${locale.when(at, zone)} (${locale.zone(at, zone)})` : locale.when(at, zone);
}
