// What was chosen and typed so far, kept in the tab: a page that is loaded again goes on where it was.

const KEPT_FOR = 3600000;

/** Whether this page was here before: it was reloaded, or come back to. */
const returned = () => ["reload", "back_forward"].includes(performance.getEntriesByType("navigation")[0]?.type);

/** Without what opens the booking, which the page around is not to know. */
function keep(name, { times, booking, ...state }) {
  const { token, ...made } = booking ?? {};
  try {
    sessionStorage.setItem(name, JSON.stringify({ ...state, repairs: [...state.repairs], booking: made, at: Date.now() }));
  } catch { /* a page may not be allowed to keep anything */ }
}

/** The state that was kept under a name, once, or null. */
function kept(name) {
  try {
    const { at, ...state } = JSON.parse(sessionStorage.getItem(name)) ?? {};
    sessionStorage.removeItem(name);
    if (!returned() || !(Date.now() - at < KEPT_FOR)) return null;
    if (state.step === "time") state.slot = null;  // which is to be looked up again
    if (state.attempt) state.attempt.lost = true;  // nobody was left to hear the answer
    return { ...state, repairs: new Set(state.repairs) };
  } catch {
    return null;
  }
}
