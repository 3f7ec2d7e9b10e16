// Ends a kind of mail for whoever followed the link in one. Not by opening it: programs that look into mails do that too.

const page = new Page("unsubscribeTitle");
const { locale, host } = page;
const token = new URLSearchParams(location.search).get("token");
history.replaceState(null, "", location.pathname);

const wrong = () => [h("p", {}, locale.say("unsubscribeWrong"))];

async function end() {
  try {
    await host.client.post("/unsubscribe", {}, { token });
  } catch (problem) {
    if (problem.status !== 422) throw problem;
    page.show(wrong());
    return;
  }
  page.show([page.good(locale.say("unsubscribed"))]);
}

page.show(token ? [h("p", {}, locale.say("unsubscribeText")),
  h("div", { class: "actions" }, button(locale.say("unsubscribe"), () => host.guard(end), "main"))] : wrong(), false);
