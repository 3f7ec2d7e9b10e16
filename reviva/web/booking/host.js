// What the element and the pages share: how they speak up, and what they do when the server gives no good answer.

class Host {
  constructor(server, locale) {
    this.locale = locale;
    this.client = new Client(server, (problem, seconds) => {
      if (!problem.status) return;
      this.tell(locale.say("busy", { n: locale.number(Math.ceil(seconds)) }));
      this.waited = true;
    });
    this.alert = h("div", { role: "alert", class: "alert", part: "alert" });
    this.status = h("p", { role: "status", class: "unseen" });
    this.turn = this.working = 0;
    this.online = () => this.resume?.();
    addEventListener("online", this.online);
  }

  leave() {
    removeEventListener("online", this.online);
  }

  /** Said to who can't see what has changed. */
  say(text) {
    this.status.textContent = text;
  }

  /** Shown to everybody; `again` makes a button of it. An empty text takes it away. */
  tell(text, again = null) {
    this.resume = null;
    this.waited = false;
    const retry = again && button(this.locale.say("again"), again, "plain");
    this.alert.replaceChildren(...(text ? [h("p", {}, text), retry].filter(Boolean) : []));
  }

  /** Shows what is wrong at its control; above everything while that is not there yet. */
  fault(root, name, message) {
    if (showFaults(root, [{ field: name, message }]).length) this.tell(message);
  }

  /** Does some work. Where it fails for want of an answer, says so and offers to do it again; returns whether it was done. */
  async guard(work) {
    const { turn } = this;
    this.tell("");
    this.wait(1);
    try {
      await work();
      if (this.waited) this.tell("");
      return true;
    } catch (problem) {
      if (problem.name === "AbortError") return false;
      if (!(problem instanceof Problem)) throw problem;
      if (turn !== this.turn) return false;  // who has gone on need not hear of it
      await this.complain(problem, () => this.guard(work));
      return false;
    } finally {
      this.wait(-1);
    }
  }

  /** Shows that an answer is waited for. */
  wait(more) {
    this.working += more;
    this.alert.parentElement?.classList.toggle("waiting", this.working > 0);
  }

  async complain(problem, again) {
    this.tell(await this.explain(problem), again);
    if (problem.status === 0) this.resume = again;
  }

  async explain(problem) {
    const { locale } = this;
    if (problem.status === 429 || problem.status === 503) return locale.say("busyLater", { n: locale.number(problem.wait || 5) });
    if (problem.status >= 500) return locale.say("failed");
    if (problem.status) return (problem.faults.length ? problem.faults : [problem]).map(fault => locale.fault(fault)).join(" ");
    if (!navigator.onLine) return locale.say("offline");
    return await this.client.refuses() ? locale.say("notAllowed", { origin: location.origin }) : locale.say("unreachable");
  }
}
