// A booking for whoever holds its link: where the repair is, and what its customer may do about it.

const page = new Page("trackTitle");
const { locale, host } = page;
const reference = decodeURIComponent(location.pathname.split("/")[2] ?? "").toUpperCase();
const token = takeToken();
const MOVABLE = ["pending", "confirmed"];
const ENDED = ["completed", "cancelled", "no_show"];
let booking = null;
let chosen = null;  // a draft's time, as it was last chosen here: it may be confirmed though it is not held
let unfollow = () => {};
let busy = false;

/** From the address, where nobody should see or share it, to this tab's memory. */
function takeToken() {
  const sent = new URLSearchParams(location.search).get("token");
  if (location.search) history.replaceState(null, "", location.pathname);
  try {
    if (sent) sessionStorage.setItem(`reviva:${reference}`, sent);
    return sent ?? sessionStorage.getItem(`reviva:${reference}`);
  } catch {
    return sent;  // a browser that keeps nothing: the link opens the page each time
  }
}

const api = verb => `/api/bookings/${reference}${verb && `/${verb}`}`;

async function load() {
  const read = await host.client.get(api(""), {}, { token });
  // That a draft's time is not held any more is no new version of it.
  if (booking && booking.version === read.version && String(booking.missing) === String(read.missing)) return;
  const news = booking && booking.status !== read.status;
  booking = read;
  draw();
  if (news) host.say(locale.say("updated", { status: locale.say(`s_${read.status}`) }));
}

/** Looks again without being asked to: a server that is away for a moment is no news. */
async function look() {
  if (busy || !booking) return;
  try {
    await load();
  } catch (problem) {
    if (problem.status === 401 || problem.status === 404) gone();
  }
}

async function open() {
  try {
    await load();
  } catch (problem) {
    if (![401, 403, 404].includes(problem.status)) throw problem;
    gone();
    return;
  }
  if (!ENDED.includes(booking.status)) unfollow = follow(look, token);
}

function gone() {
  unfollow();
  booking = null;
  page.show(findForm("bookingGone"), false);
}

function findForm(why) {
  const email = h("input", { type: "email", autocomplete: "email", required: true, maxlength: "254" });
  const send = async address => {
    await host.client.post("/api/bookings/find", { email: address });
    page.show([page.good(locale.say("linksSent", { email: address }))]);
  };
  return [h("p", {}, locale.say(why)), h("h2", {}, locale.say("findTitle")), h("p", {}, locale.say("findText")),
    page.form("email", locale.say("email"), email, locale.say("sendLinks"), send)];
}

function draw() {
  const zone = booking.shop.timezone;
  if (ENDED.includes(booking.status)) unfollow();
  page.show([
    h("p", { class: `badge ${booking.status}` }, locale.say(`s_${booking.status}`)),
    h("dl", {}, facts(zone)),
    booking.status === "awaiting_approval" && approval(),
    h("section", {}, h("h2", {}, locale.say("items")), h("div", { class: "panel" }, priceTable(locale, booking.items, booking.total))),
    changes(),
    h("section", {}, h("h2", {}, locale.say("history")), h("ol", { class: "timeline" }, booking.history.map(step => entry(step, zone)))),
  ], false);
}

function facts(zone) {
  const { shop, model, starts_at, notes } = booking;
  const rows = [
    ["device", deviceName(model)], ["reference", h("span", { class: "reference" }, booking.reference)],
    ["appointment", starts_at && when(locale, starts_at, zone)], ["shop", [shop.name, shop.address].filter(Boolean).join(", ")],
    ["yourNotes", notes],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) =>
    [h("dt", {}, locale.say(name)), h("dd", {}, value)]).flat();
}

const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

function entry(step, zone) {
  const readable = text => text.replace(INSTANT, at => locale.short(at, zone));
  const [, from, to] = /^From (\S+Z) to (\S+Z)$/.exec(step.note) ?? [];
  const note = from ? readable(locale.say("moved", { from, to })) : readable(step.note);
  const title = step.from === step.to ? locale.say("noted") : locale.say(`s_${step.to}`);
  return h("li", {}, h("b", {}, title), note && h("p", {}, note), h("small", {}, locale.short(step.at, zone)));
}

function changes() {
  const movable = MOVABLE.includes(booking.status);
  const draft = booking.status === "draft" && booking.items.length > 0;
  const timeless = draft && String(booking.missing) === "starts_at";
  const section = h("section", {}, h("h2", {}, locale.say("changes")));
  const parts = [
    draft && (!booking.missing.length || (timeless && booking.starts_at === chosen)) && button(locale.say("confirmDraft"), () => confirm(section), "main"),
    (movable || timeless) && button(locale.say("reschedule"), () => reschedule(section), "plain"),
    booking.starts_at && !timeless && !ENDED.includes(booking.status)
      && button(locale.say("calendar"), () => host.guard(() => saveCalendar(host.client, reference, token)), "plain"),
    (movable || booking.status === "draft") && button(locale.say("cancel"), () => cancel(section), "danger"),
  ].filter(Boolean);
  section.append(h("div", { class: "actions" }, parts));
  return parts.length > 0 && section;
}

/** Does what the customer wants to the booking as they see it: what was changed meanwhile is shown first. */
async function act(verb, body, said, refused = {}, method = "POST") {
  if (busy) return;
  busy = true;
  await host.guard(async () => {
    try {
      booking = await host.client.call(method, api(verb), { body: JSON.stringify({ ...body, version: booking.version }), token });
      draw();
      page.body.prepend(page.good(locale.say(said)));
      page.heading.focus();
    } catch (problem) {
      if (refused[problem.code]) await refused[problem.code]();
      else if (problem.code === "version-conflict" || problem.code === "step-forbidden") await reload();
      else throw problem;
    }
  });
  busy = false;
}

async function reload() {
  booking = null;
  await load();
  page.body.prepend(h("p", { class: "notice", role: "alert" }, locale.say("changedMeanwhile")));
  page.heading.focus();
}

/** A question in the place of the buttons that led to it; the last one brings them back. */
function ask(section, title, parts, yes, keep) {
  const heading = h("h2", { tabindex: "-1" }, title);
  section.replaceChildren(heading, ...parts, h("div", { class: "actions" }, yes, button(locale.say(keep), () => {
    draw();
    page.heading.focus();
  }, "plain")));
  heading.focus();
}

/** Where the time has gone meanwhile, another one is chosen. */
function confirm(section) {
  const gone = () => {
    chosen = null;
    booking.missing = ["starts_at"];  // as the server will say: to hear it again is no reason to draw anew
    reschedule(section, true);
  };
  act("confirm", {}, "confirmed", { "slot-taken": gone });
}

function reschedule(section, gone = false) {
  const repairs = booking.items.map(item => item.repair.slug);
  const times = new Times(host, { model: booking.model.slug, repairs, shop: booking.shop.slug });
  const taken = async () => {
    await times.load();
    times.element.prepend(h("p", { class: "notice", role: "alert" }, locale.say("slotTaken")));
  };
  const [verb, method] = booking.status === "draft" ? ["", "PATCH"] : ["reschedule", "POST"];
  const move = () => {
    chosen = times.chosen?.starts_at;
    if (chosen) act(verb, { starts_at: chosen }, "rescheduled", { "slot-taken": taken }, method);
    else host.fault(times.element, "starts_at", locale.say("chooseTime"));
  };
  ask(section, locale.say("reschedule"), [times.element], button(locale.say("rescheduleNow"), move, "main"), "back");
  host.guard(gone ? taken : () => times.load());
}

function cancel(section) {
  const reason = h("textarea", { rows: "2", maxlength: "1000" });
  ask(section, locale.say("cancelSure"), [field("reason", locale.say("reason"), reason)],
    button(locale.say("cancelNow"), () => act("cancel", { reason: reason.value.trim() }, "cancelled"), "danger"), "keep");
}

function approval() {
  const section = h("section", { class: "panel" }, h("h2", {}, locale.say("approveTitle")), h("p", {}, locale.say("approveText")));
  const decline = () => ask(section, locale.say("decline"), [h("p", {}, locale.say("declineSure"))],
    button(locale.say("declineNow"), () => act("decline", {}, "declined"), "danger"), "back");
  section.append(h("div", { class: "actions" },
    button(locale.say("approve", { total: locale.money(booking.total) }), () => act("approve", {}, "approved"), "main"),
    button(locale.say("decline"), decline, "plain")));
  return section;
}

if (token) host.guard(open);
else page.show(findForm("needLink"), false);
