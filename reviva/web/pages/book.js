// The hosted booking page: the element, with what the address says of it.

const asked = new URLSearchParams(location.search);
const element = document.createElement("reviva-booking");
element.setAttribute("locale", asked.get("lang") || navigator.language);
for (const name of ["shop", "model", "category"]) if (asked.get(name)) element.setAttribute(name, asked.get(name));
document.getElementById("page").append(element);
const shown = element.shadowRoot.firstElementChild;
document.documentElement.lang = shown.lang;
document.title = shown.getAttribute("aria-label");
