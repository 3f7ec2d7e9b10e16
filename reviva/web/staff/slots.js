// Free times of a shop, as a choice of days and times.

import { get, query } from "/staff/api.js";
import { addDays, dayOf, h, when } from "/staff/dom.js";
import { field } from "/staff/form.js";

const DAYS = 14;

// A control called `starts_at` over the free times from a day on. `asked` is {model, repairs, shop}.
export async function slotChoices(asked, first) {
  const found = await get(`/api/availability${query({ ...asked, repairs: asked.repairs.join(), from: first, days: DAYS })}`);
  const style = { dateStyle: "medium", timeStyle: "short" };
  const choices = found.slots.map(slot => [slot.starts_at, `${when(slot.starts_at, found.timezone, style)} · ${slot.free} free`]);
  const shown = field("starts_at", `Free times (${found.timezone})`, choices);
  const days = field("slots-from", "From", "date", first, { min: dayOf(Date.now(), found.timezone) });
  const control = days.querySelector("input");
  control.addEventListener("change", async event => {
    event.stopPropagation();
    if (control.value) whole.replaceWith(await slotChoices(asked, control.value));
  });
  const whole = h("div", { className: "slots" }, days, choices.length ? shown
    : h("p", {}, `Nothing is free until ${addDays(first, DAYS)}.`));
  return whole;
}
