// What scripts add to the console. Each page works without them.
document.documentElement.classList.add("js");

const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });

/** Show times in the viewer's zone, with its name; the title keeps UTC. */
function localise(within) {
  for (const time of within.querySelectorAll("time[data-local]")) {
    time.textContent = short.format(new Date(time.dateTime));
    time.removeAttribute("data-local");
  }
}

/** Copy the text of the button's data-copy, and say so to screen readers too. */
async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.dataset.label ??= button.textContent;
    button.textContent = "Copied";
    say("Copied");
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = button.dataset.label ?? "Copy"; }, 1500);
}

function say(text) {
  const live = document.getElementById("live-region");
  if (live) live.textContent = text;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  // A menu closes when something outside of it is clicked.
  for (const menu of document.querySelectorAll("details.menu[open]"))
    if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable], .editor");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
  if (event.key === "Escape") {
    const menu = event.target.closest?.("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
});

// A filter is applied when it is changed; its button is for visitors without scripts.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-filter]");
  if (form && event.target.matches("select, [type=checkbox]")) form.requestSubmit();
});

// Fields that depend on a choice are shown with it: data-if="frequency=daily|once".
function showFields(within) {
  for (const part of within.querySelectorAll("[data-if]")) {
    const [name, values] = part.dataset.if.split("=");
    const form = part.closest("form");
    const chosen = form && new FormData(form).get(name);
    part.hidden = !values.split("|").includes(chosen ?? "");
  }
}
document.addEventListener("change", (event) => {
  const form = event.target.closest("form");
  if (form) showFields(form);
});
showFields(document);
document.addEventListener("htmx:load", (event) => showFields(event.detail.elt.closest("form") ?? event.detail.elt));
// A schedule begins with the zone of the viewer.
for (const zone of document.querySelectorAll("[data-zone]"))
  if (zone.value === "UTC" && !location.search.includes("frequency.zone"))
    zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

// The settings of a new activation stay when the browser goes back and the user goes on again: the address of an earlier step,
// which a browser remembers, has none of them. They belong to the audience and the account that they were chosen for.
const SETTINGS = "settings of a new activation";
const draftOf = (fields) => JSON.stringify([fields.getAll("audience"), fields.getAll("destination")]);

function keepSettings(form) {
  const fields = new FormData(form);
  const draft = draftOf(fields);
  for (const other of form.querySelectorAll("[data-other-steps] input")) fields.delete(other.name);
  fields.delete("form_token");
  sessionStorage.setItem(SETTINGS, JSON.stringify({ draft, fields: [...fields] }));
}

function addSettings(form) {
  const kept = JSON.parse(sessionStorage.getItem(SETTINGS) ?? "null");
  const own = new FormData(form);
  if (!kept || kept.draft !== draftOf(own)) return;
  for (const [name, value] of kept.fields)
    if (!own.has(name)) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-draft-settings]");
  if (form) keepSettings(form);
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-draft-settings]") && event.submitter?.formMethod !== "get") sessionStorage.removeItem(SETTINGS);
  if (form.matches("[data-step=destination]")) addSettings(form);
});

// A form is sent once: a second click does nothing.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

localise(document);
for (const current of document.querySelectorAll(".side nav [aria-current], .tabs [aria-current]"))
  current.scrollIntoView({ block: "nearest", inline: "center" });
document.addEventListener("htmx:load", (event) => localise(event.detail.elt.parentElement ?? event.detail.elt));
// What is open stays open, and what has the focus keeps it, when a part of the page is replaced.
document.addEventListener("htmx:beforeSwap", (event) => {
  const kept = [...event.detail.target.querySelectorAll("details[id][open]")].map((one) => one.id);
  const focused = document.activeElement?.id;
  document.addEventListener("htmx:afterSettle", () => {
    for (const id of kept) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }, { once: true });
});
