// What the shop earns and how it does.

import { get, query } from "/staff/api.js";
import { device, h, heading, link, money, words } from "/staff/dom.js";
import { field, form, table } from "/staff/form.js";

const SVG = "http://www.w3.org/2000/svg";
const percent = rate => (rate === null ? "–" : new Intl.NumberFormat(navigator.language, { style: "percent", maximumFractionDigits: 1 }).format(rate));

export async function dashboard({ shops }, at) {
  const days = at.query.get("days") ?? "30";
  const shop = at.query.get("shop") ?? "";
  const found = await get(`/api/dashboard${query({ days, shop })}`);
  const choose = form([
    field("days", "Span", [["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["365", "A year"]], days),
    shops.length > 1 && field("shop", "Shop", [["", "All shops"], ...shops.map(each => [each.slug, each.name])], shop),
  ], "Show", values => { location.hash = `/figures${query(values)}`; }, { className: "filters" });
  choose.addEventListener("change", () => choose.requestSubmit());
  const sums = {};
  for (const { amount, currency } of found.revenue) sums[currency] = (sums[currency] ?? 0) + amount;
  const tiles = [
    ...Object.entries(sums).map(([currency, amount]) => ["Revenue", money({ amount, currency })]),
    ["Check-in to ready", found.turnaround_hours === null ? "–" : `${found.turnaround_hours.toFixed(1)} h`],
    ["Did not come", percent(found.no_show_rate)],
    ["Messages waiting", found.notifications.queued],
    ["Messages given up", link("#/messages?status=dead", String(found.notifications.dead))],
  ];
  return [heading("Figures", choose),
    h("div", { className: "tiles" }, tiles.map(([name, value]) => h("div", {}, h("span", {}, name), h("strong", {}, value)))),
    h("h2", {}, "Revenue by day"), ...Object.keys(sums).map(currency => bars(found.revenue.filter(each => each.currency === currency))),
    h("div", { className: "columns" },
      h("section", {}, h("h2", {}, "Bookings"), table([["Status", ([status]) => words(status)], ["Number", ([, count]) => count]],
        Object.entries(found.counts))),
      h("section", {}, h("h2", {}, "Most repaired"), table([["Device", each => device(each.model)], ["Bookings", each => each.bookings]],
        found.top_models)))];
}

// A bar for each day; the table behind it is for those who don't see the bars.
function bars(revenue) {
  const most = Math.max(1, ...revenue.map(each => each.amount));
  const chart = document.createElementNS(SVG, "svg");
  chart.setAttribute("viewBox", `0 0 ${Math.max(revenue.length, 14) * 10} 100`);
  chart.setAttribute("preserveAspectRatio", "none");
  chart.setAttribute("aria-hidden", "true");
  revenue.forEach(({ date, amount, currency }, n) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = Math.max(0, 100 * amount / most);
    const place = { x: n * 10 + 1, y: 100 - height, width: 8, height };
    for (const [name, value] of Object.entries(place)) bar.setAttribute(name, value);
    const title = document.createElementNS(SVG, "title");
    title.textContent = `${date}: ${money({ amount, currency })}`;
    bar.append(title);
    chart.append(bar);
  });
  return h("figure", { className: "bars" }, chart, h("details", {}, h("summary", {}, "As a table"),
    table([["Day", each => each.date], ["Revenue", each => money(each)]], revenue)));
}
