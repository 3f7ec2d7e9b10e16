"use strict";

const element = (tag, text, ...children) => {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
};

const find = (root, pointer) => pointer.slice(2).split("/").reduce((at, key) => at[key], root);

// A schema as a short example-like text. `seen` stops at a schema that holds itself.
function show(root, schema, indent = "", seen = []) {
  if (schema.$ref) {
    if (seen.includes(schema.$ref)) return schema.$ref.split("/").pop();
    return show(root, find(root, schema.$ref), indent, [...seen, schema.$ref]);
  }
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.map(each => show(root, each, indent, seen)).join(" | ");
  if (schema.enum) return schema.enum.map(value => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return `[${show(root, schema.items || {}, indent, seen)}, …]`;
  if (schema.properties) {
    const required = schema.required || [];
    const lines = Object.entries(schema.properties).map(([name, each]) =>
      `${indent}  ${name}${required.includes(name) ? "" : "?"}: ${show(root, each, indent + "  ", seen)}`);
    return `{\n${lines.join("\n")}\n${indent}}`;
  }
  return [schema.type || "anything", schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

function parameters(root, list) {
  const rows = list.map(each => element("tr", "",
    element("td", "", element("code", each.name)),
    element("td", each.in + (each.required ? ", required" : "")),
    element("td", "", element("code", show(root, each.schema))),
    element("td", each.description || "")));
  return element("table", "", ...rows);
}

function answers(root, responses) {
  return Object.entries(responses).map(([status, given]) => {
    const answer = given.$ref ? find(root, given.$ref) : given;
    const part = element("div", "", element("strong", `${status} ${answer.description}`));
    const json = answer.content && answer.content["application/json"];
    if (json) part.append(element("pre", show(root, json.schema)));
    const problem = answer.content && answer.content["application/problem+json"];
    if (problem) part.append(element("pre", problem.schema.allOf[1].properties.type.description));
    return part;
  });
}

function operation(root, path, method, described) {
  const head = element("summary", "", element("span", method.toUpperCase()), element("code", path), ` ${described.summary}`);
  head.firstChild.className = "method";
  const block = element("details", "", head);
  if (described.description) block.append(element("p", described.description));
  if (described.parameters.length) block.append(element("h4", "Parameters"), parameters(root, described.parameters));
  const body = described.requestBody;
  if (body) block.append(element("h4", "Body"), element("pre", show(root, body.content["application/json"].schema)));
  block.append(element("h4", "Answers"), ...answers(root, described.responses));
  block.dataset.words = `${method} ${path} ${described.summary}`.toLowerCase();
  return block;
}

function draw(root, main) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(root.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const tag = described.tags[0];
      if (!groups.has(tag)) groups.set(tag, element("section", "", element("h2", tag)));
      groups.get(tag).append(operation(root, path, method, described));
    }
  }
  main.replaceChildren(...groups.values());
}

const main = document.getElementById("operations");
document.getElementById("find").addEventListener("input", event => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const block of main.querySelectorAll("details")) {
    block.hidden = !words.every(word => block.dataset.words.includes(word));
  }
});
fetch("/api/openapi.json")
  .then(response => response.json())
  .then(root => draw(root, main))
  .catch(problem => main.replaceChildren(element("p", `The document could not be read: ${problem.message}`)));
