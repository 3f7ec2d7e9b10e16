// A hosted page: one card in the visitor's language, dressed like the element.

class Page {
  constructor(title) {
    this.locale = new Locale(new URLSearchParams(location.search).get("lang"), ...navigator.languages);
    this.host = new Host(location.origin, this.locale);
    this.heading = h("h1", { tabindex: "-1" }, this.locale.say(title));
    this.body = h("div", { class: "body" });
    document.documentElement.lang = this.locale.tag;
    document.title = this.locale.say(title);
    dress(document);
    const main = document.getElementById("page");
    main.append(card({}, this.heading, this.host.alert, this.host.status, this.body));
  }

  /** Shows something else, and moves there unless the page is only opening. */
  show(parts, move = true) {
    this.body.replaceChildren(...parts.flat().filter(Boolean));
    if (move) this.heading.focus();
  }

  /** A form of one field, whose faults are shown there; `sent` is what happens once the server has it. */
  form(name, label, control, action, send, hint) {
    const go = h("button", { type: "submit", class: "main" }, action);
    let busy = false;
    const form = h("form", { novalidate: true }, field(name, label, control, hint), h("div", { class: "actions" }, go));
    const submit = async () => {
      const faults = control.value ? [] : [{ field: name, message: this.locale.say("f_empty") }];
      showFaults(form, faults);
      if (busy || faults.length) return;
      busy = true;
      await this.host.guard(async () => {
        try {
          await send(control.value);
        } catch (problem) {
          if (problem.status !== 422) throw problem;
          const others = showFaults(form, problem.faults.map(fault => ({ ...fault, message: this.locale.fault(fault) })));
          if (others.length) throw problem;
        }
      });
      busy = false;
    };
    form.addEventListener("submit", event => {
      event.preventDefault();
      submit();
    });
    return form;
  }

  good(text) {
    return h("p", { class: "good", role: "status" }, text);
  }
}
