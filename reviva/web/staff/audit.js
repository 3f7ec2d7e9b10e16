// Who changed what.

import { get } from "/staff/api.js";
import { h, heading, say, when } from "/staff/dom.js";
import { action, list } from "/staff/form.js";

export async function all(context, at) {
  const verify = action("Check every row", async () => {
    const found = await get("/api/audit/verify");
    if (found.ok) return say(`${found.rows} rows are what they were.`);
    say(`Not what they were: ${found.faults.map(each => `${each.id} (${each.problem})`).join(", ")}`, true);
  });
  return [heading("Audit", verify), await list({
    path: "/api/audit", at, empty: "Nothing fits.",
    filters: [["entity", "Kind of thing"], ["entity_id", "Which one"], ["actor", "By whom"], ["action", "Action"]],
    columns: [
      ["When", each => when(each.at)], ["Who", each => `${each.actor_kind} ${each.actor}`], ["Did", each => each.action],
      ["To", each => `${each.entity} ${each.entity_id}`], ["Before", each => fields(each.before)], ["After", each => fields(each.after)],
    ],
  })];
}

const fields = value => value && h("ul", { className: "fields" }, Object.entries(value).map(([name, each]) =>
  h("li", {}, `${name}: ${typeof each === "object" ? JSON.stringify(each) : each}`)));
