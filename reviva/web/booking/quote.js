// An itemised price: what each repair costs, what moved its price, and the sum.

/** `lines` are of a quote or the items of a booking; `total` may be missing while there is none. */
function priceTable(locale, lines, total) {
  const row = (look, name, money, signed) => h("tr", { class: look }, h("th", { scope: "row" }, name),
    h("td", {}, money ? locale.money(money, signed) : ""));
  const body = lines.flatMap(line => {
    const moved = line.adjustments.length > 0;
    return [
      row("", locale.called(line.repair.name), moved ? line.base : line.price),
      ...line.adjustments.map(step => row("step", locale.called(step.name), step.effect, true)),
      moved && row("sum", locale.say("linePrice"), line.price),
    ].filter(Boolean);
  });
  return h("table", { class: "price" }, h("caption", { class: "unseen" }, locale.say("price")), h("tbody", {}, body),
    total && h("tfoot", {}, row("", locale.say("total"), total)));
}

/** "Apple iPhone 13", without saying a brand twice. */
function deviceName({ name, brand }) {
  return name.toLowerCase().startsWith(brand.name.toLowerCase()) ? name : `${brand.name} ${name}`;
}
