// The desk's one script. Every page works without it: forms that say data-live are sent without leaving the page, frames
// that say data-src show the mail where there is room for it, forms that say data-try show what is typed before it is
// kept, and lists that say data-sortable can be dragged.
"use strict";

const wide = matchMedia("(min-width: 64rem)");

// --- Frames: loaded on a wide screen alone, since readers of the desk pay for their bytes too ----------

function showFrames(root = document) {
  if (!wide.matches) return;
  for (const frame of root.querySelectorAll("iframe[data-src]")) {
    frame.hidden = false; // without a script it would stand there empty
    if (!frame.getAttribute("src")) frame.src = frame.dataset.src;
  }
}

// --- Forms that stay on the page ------------------------------------------------------------------------

async function send(form, button) {
  if (form.hasAttribute("aria-busy")) return null; // a second tap while the first is on its way
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.set(button.name, button.value);
  const place = button ? `${button.name}=${button.value}` : "";
  const free = hold(form);
  const { page, url } = await asked(button?.getAttribute("formaction") || form.getAttribute("action"), fields);
  free();
  if (!page) return unanswered(button);
  const here = document.querySelector("main");
  here.replaceChildren(...page.querySelector("main").childNodes);
  document.title = page.title;
  prepare(here);
  return focusOn(here, place, new URL(url).hash);
}

// The desk's answer as a page; none where the line broke, or where somebody else answered, as a proxy does.
async function asked(address, fields) {
  try {
    const answer = await fetch(address, { method: "POST", body: fields, signal: AbortSignal.timeout?.(150_000) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector("body[data-desk] main") ? { page, url: answer.url } : {};
  } catch {
    return {};
  }
}

// While a form is on its way none of its buttons can be pressed; returns what sets them free.
function hold(form) {
  const held = [...form.querySelectorAll("button:not([disabled])")];
  form.setAttribute("aria-busy", "true");
  for (const one of held) one.disabled = true;
  return () => {
    form.removeAttribute("aria-busy");
    for (const one of held) one.disabled = false;
  };
}

// Whether it was done, nobody knows here: nothing is done again, and the page says how to look.
function unanswered(button) {
  const said = document.getElementById("said");
  const link = document.createElement("a");
  link.href = location.pathname + location.search;
  link.textContent = said.dataset.look;
  const told = document.createElement("p");
  told.className = "problem";
  told.append(said.dataset.unanswered, " ", link);
  said.replaceChildren(told);
  button?.focus({ preventScroll: true });
  said.scrollIntoView({ block: "nearest" });
}

// The button that was pressed may have gone with its row: then the row, the article, or what was said.
function focusOn(here, place, hash) {
  const [name, value] = place.split("=");
  const same = [...here.querySelectorAll("button")].find((one) => one.name === name && one.value === value && !one.disabled);
  const row = hash ? here.querySelector(hash) : null;
  const target = same || row?.querySelector("button:not([disabled]), a") || here.querySelector("#said");
  if (!target) return;
  if (!target.matches("button, a")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest" });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-live]") || event.defaultPrevented) return;
  if (!("submitter" in event)) return; // an old browser, which does not tell the button: it goes by itself
  event.preventDefault();
  send(form, event.submitter);
});

// --- What is typed, shown before it is kept ---------------------------------------------------------------

function tryOut(form) {
  const copy = document.createElement("form");
  copy.method = "post";
  copy.action = form.dataset.try;
  copy.target = "look";
  copy.hidden = true;
  for (const [name, value] of new FormData(form)) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    copy.append(field);
  }
  document.body.append(copy);
  copy.submit();
  copy.remove();
}

function watchTyping(root) {
  for (const form of root.querySelectorAll("form[data-try]")) {
    let waiting;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      if (wide.matches) waiting = setTimeout(tryOut, 600, form);
    });
  }
  for (const field of root.querySelectorAll("[data-count]")) {
    const shown = document.createElement("span");
    shown.className = "small";
    shown.setAttribute("aria-hidden", "true");
    const count = () => {
      shown.textContent = `${[...field.value].length} / ${field.dataset.count}`;
    };
    field.after(shown);
    field.addEventListener("input", count);
    count();
  }
}

// --- Lists that can be dragged ----------------------------------------------------------------------------

function makeSortable(root) {
  for (const list of root.querySelectorAll("[data-sortable]")) {
    let moving = null;
    for (const item of list.children) item.draggable = true;
    list.addEventListener("dragstart", (event) => {
      moving = event.target.closest("[data-id]");
      moving?.classList.add("moving");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", moving?.dataset.id ?? "");
    });
    list.addEventListener("dragover", (event) => {
      const over = event.target.closest("[data-id]");
      if (!moving || !over) return;
      event.preventDefault();
      for (const item of list.children) item.classList.toggle("over", item === over && item !== moving);
    });
    list.addEventListener("drop", (event) => {
      const over = event.target.closest("[data-id]");
      if (!moving || !over || over === moving || list.closest("[aria-busy]")) return;
      event.preventDefault();
      const below = moving.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
      over[below ? "after" : "before"](moving);
      const order = document.createElement("input");
      order.type = "hidden";
      order.name = "order";
      order.value = [...list.children].map((item) => item.dataset.id).join(",");
      const form = list.closest("form");
      form.append(order);
      send(form, null).then(() => order.remove());
    });
    list.addEventListener("dragend", () => {
      for (const item of list.children) item.classList.remove("moving", "over");
      moving = null;
    });
  }
}

// --- What was typed and not saved -------------------------------------------------------------------------
// A form that says data-keep (whose it is) is kept in this tab while it is typed into, and offered back when its page is
// opened again: after a log-in, say. It is forgotten when a page says data-saved, when it is thrown away, and at the
// log-out.

const KEPT = "desk:";

function keepTyping(root) {
  if (location.pathname.endsWith("/in") && location.search.includes("done=out")) forgetKept(() => true);
  if (root.querySelector("#said[data-saved]")) forgetKept((kept) => kept.sent);
  for (const form of root.querySelectorAll("form[data-keep]")) {
    const name = `${KEPT}${form.dataset.keep}:${location.pathname}`;
    offerBack(form, name);
    form.addEventListener("input", ({ target }) => {
      if (target.name) store(name, { fields: { ...recall(name)?.fields, [target.name]: value(target) } });
    });
    form.addEventListener("submit", (event) => {
      const kept = recall(name);
      if (kept && !event.submitter?.hasAttribute("formaction")) store(name, { ...kept, sent: true });
    });
  }
}

const value = (field) => (field.type === "checkbox" ? field.checked : field.value);

// Only the fields that were typed into: the others may have been changed by somebody else since.
function offerBack(form, name) {
  const kept = recall(name)?.fields ?? {};
  if (![...form.elements].some((field) => field.name in kept && value(field) !== kept[field.name])) return;
  const offer = document.createElement("div");
  offer.className = "warn";
  offer.append(Object.assign(document.createElement("p"), { textContent: form.dataset.kept }));
  const press = (label, look, act) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label, className: look });
    button.addEventListener("click", () => {
      act();
      offer.remove();
    });
    offer.append(button, " ");
  };
  press(form.dataset.back, "second", () => putBack(form, kept));
  press(form.dataset.away, "plain", () => store(name, null));
  form.prepend(offer);
}

function putBack(form, fields) {
  for (const field of form.elements) {
    if (!(field.name in fields)) continue;
    if (field.type === "checkbox") field.checked = fields[field.name];
    else field.value = fields[field.name];
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function forgetKept(which) {
  try {
    const names = Object.keys(sessionStorage).filter((name) => name.startsWith(KEPT));
    for (const name of names) if (which(recall(name) ?? {})) sessionStorage.removeItem(name);
  } catch {
    // a browser that keeps nothing for us
  }
}

function recall(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

function store(name, value) {
  try {
    if (value) sessionStorage.setItem(name, JSON.stringify(value));
    else sessionStorage.removeItem(name);
  } catch {
    // full, or forbidden: the form works without
  }
}

function prepare(root) {
  keepTyping(root);
  keepFresh(root);
  showFrames(root);
  watchTyping(root);
  makeSortable(root);
}

// --- What goes on by itself --------------------------------------------------------------------------
// An element with data-refresh="2" is filled anew every two seconds with what data-from answers, until that holds
// data-ended; data-next asks for another pause. What stands in data-said is put where data-say names, to be read aloud.

function keepFresh(root) {
  for (const element of root.querySelectorAll("[data-refresh]")) {
    let failures = 0;
    const pause = () => {
      const asked = element.querySelector("[data-next]")?.dataset.next ?? element.dataset.refresh;
      return Math.min(Number(asked) * 2 ** failures, 60) * 1000;
    };
    const look = async () => {
      if (!element.isConnected || element.querySelector("[data-ended]")) return;
      if (!document.hidden) {
        try {
          const answer = await fetch(element.dataset.from);
          if (answer.redirected) return loggedOut(element);
          if (answer.ok) fill(element, await answer.text());
          failures = answer.ok ? 0 : failures + 1;
        } catch {
          failures += 1; // the line is bad: less and less often
        }
      }
      setTimeout(look, pause());
    };
    setTimeout(look, pause());
  }
}

// Old figures would be taken for new ones.
function loggedOut(element) {
  const link = document.createElement("a");
  link.href = location.pathname;
  link.textContent = element.dataset.logIn;
  const told = document.createElement("p");
  told.className = "warn";
  told.setAttribute("role", "alert");
  told.append(element.dataset.loggedOut, " ", link);
  element.replaceChildren(told);
}

// A button that is being pressed, or has the focus, must not vanish under the finger.
function fill(element, text) {
  if (element.querySelector("button:active")) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  const said = element.querySelector("[data-said]")?.dataset.said ?? "";
  const voice = document.getElementById(element.dataset.say);
  if (voice && voice.textContent !== said) voice.textContent = said;
}

prepare(document);
wide.addEventListener("change", () => showFrames());
