// Sets a password by the link of a mail, whose token stands behind the # and is sent to no server but ours.

const page = new Page("resetTitle");
const { locale, host } = page;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);

function setPassword() {
  const password = h("input", { type: "password", autocomplete: "new-password", required: true, maxlength: "128" });
  const form = page.form("password", locale.say("newPassword"), password, locale.say("setPassword"), send, locale.say("passwordHint"));
  form.lastChild.before(choice("checkbox", "show", "", false, event => {
    password.type = event.target.checked ? "text" : "password";
  }, locale.say("showPassword")));
  return [form];
}

async function send(password) {
  try {
    await host.client.post("/api/auth/password-reset/confirm", { token, password });
  } catch (problem) {
    if (!problem.faults?.some(fault => fault.field === "token")) throw problem;
    page.show(askForLink("linkOld"));
    return;
  }
  page.show([page.good(locale.say("passwordSet"))]);
}

function askForLink(why) {
  const email = h("input", { type: "email", autocomplete: "email", required: true, maxlength: "254" });
  const ask = async address => {
    await host.client.post("/api/auth/password-reset", { email: address });
    page.show([page.good(locale.say("linkSent", { email: address }))]);
  };
  return [h("p", {}, locale.say(why)), h("h2", {}, locale.say("newLink")),
    page.form("email", locale.say("email"), email, locale.say("sendLink"), ask)];
}

page.show(token ? setPassword() : askForLink("linkMissing"), false);
