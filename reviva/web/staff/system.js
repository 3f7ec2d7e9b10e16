// How the installation is.

import { get } from "/staff/api.js";
import { badge, h, heading, link } from "/staff/dom.js";
import { action, table } from "/staff/form.js";

export async function health({ user }) {
  const found = await get("/api/database/health");
  const advice = h("div");
  const look = action("Look for missing indexes", async () => {
    const { items } = await get("/api/database/indexes");
    advice.replaceChildren(table([["Kind", each => each.kind], ["Table", each => each.table], ["Why", each => each.reason], ["To run", each => h("code", {}, each.ddl)]],
      items, "None: the indexes fit the statements that were run."));
  });
  const slow = user.permissions.includes("database.change") ? await get("/api/database/queries?limit=20") : null;
  return [heading("System", badge(found.status)), h("p", {}, `${found.backend} ${found.version}, answers in ${found.latency_ms.toFixed(2)} ms, up for ${Math.round(found.uptime / 60)} minutes. `,
    link("/api/docs", "The API")),
    table([["Check", each => each.name], ["", each => badge(each.ok ? "ok" : "look")], ["", each => each.detail], ["What to do", each => each.advice]], found.checks),
    slow && h("section", {}, h("h2", {}, "Statements that took the most time"), look, advice, table([
      ["Statement", each => h("code", {}, each.statement)], ["Calls", each => each.calls], ["Mean ms", each => each.mean.toFixed(2)],
      ["p95 ms", each => each.p95.toFixed(2)],
    ], slow.items))].filter(Boolean);
}
