// The JSON API, as the pages of the console call it: by the session in the cookie, which scripts can't read.

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || "The server can't be reached. Look whether it was done before you do it again.");
    this.status = status;
    this.errors = body.errors || [];
    this.code = body.type?.split("/").pop();
  }
}

const cookie = name => document.cookie.match(`(?:^|; )${name}=([^;]*)`)?.[1];
const csrf = () => cookie("__Host-reviva_csrf") ?? cookie("reviva_csrf") ?? "";

export async function call(method, path, body, headers = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers } };
  if (method !== "GET") options.headers["X-CSRF-Token"] = csrf();
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem(0, {});
  }
  const text = await answer.text();
  const json = /json/.test(answer.headers.get("Content-Type")) && text ? JSON.parse(text) : {};
  if (!answer.ok) {
    if (answer.status === 401 && !path.endsWith("/login")) dispatchEvent(new Event("reviva:logged-out"));
    throw new Problem(answer.status, json);
  }
  return json;
}

export const get = path => call("GET", path);
export const post = (path, body, headers) => call("POST", path, body, headers);
export const patch = (path, body) => call("PATCH", path, body);
export const put = (path, body) => call("PUT", path, body);
export const remove = path => call("DELETE", path);

// "?a=1&b=2" of what has a value.
export function query(values) {
  const known = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return known.length ? `?${new URLSearchParams(known)}` : "";
}
