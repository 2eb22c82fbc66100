// Makes pages quicker to use. Each of them works without: what is fetched here is a
// page of its own, of which a part is shown.
"use strict";

const parser = new DOMParser();
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

function say(text) {
  document.getElementById("says").textContent = text;
}

/** Fetch a page; where a token ran out, the browser goes to sign in. */
async function page(address, options) {
  const answer = await fetch(address, options);
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") {
    location.assign(answer.url);
  }
  const found = parser.parseFromString(await answer.text(), "text/html");
  if (!answer.ok) {
    throw new Error(found.querySelector("main p")?.textContent ?? "It did not work.");
  }
  return found;
}

/** Call a function once nothing has happened for some milliseconds. */
function later(milliseconds, what) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(what, milliseconds);
  };
}

/** Show the newest of several answers only, in whatever order they come. */
function newest() {
  let last = 0;
  return async (address, show) => {
    const mine = ++last;
    try {
      const found = await page(address);
      if (mine === last) show(found);
    } catch (error) {
      if (mine === last) say(error.message);
    }
  };
}

function swap(selector, found) {
  const fresh = found.querySelector(selector);
  const old = document.querySelector(selector);
  if (fresh && old) {
    old.replaceWith(document.adoptNode(fresh));
    watchPictures(document.querySelector(selector));
  }
}

// a cover that does not load leaves the drawn one
function watchPictures(root) {
  for (const picture of root.querySelectorAll(".cover img")) {
    if (picture.complete && picture.naturalWidth === 0 && picture.loading !== "lazy") {
      picture.remove();
    }
    picture.addEventListener("error", () => picture.remove());
  }
}
watchPictures(document);

// search while one types
for (const form of document.querySelectorAll("form[data-live]")) {
  const input = form.querySelector("input[type=search]");
  const fetchNewest = newest();
  const address = () => `${form.action}?${new URLSearchParams(new FormData(form))}`;
  const search = later(80, () =>
    fetchNewest(address(), (found) => {
      swap(form.dataset.live, found);
      const count = document.querySelectorAll(`${form.dataset.live} li`).length;
      say(count ? `${count} found` : "Nothing found");
      history.replaceState(null, "", address());
    }),
  );
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      document.querySelector(`${form.dataset.live} a`)?.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    const list = document.querySelector(form.dataset.live);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !list.contains(document.activeElement)) return;
    const links = [...list.querySelectorAll("a:not(.play)")];
    const next = links[links.indexOf(document.activeElement) + step];
    event.preventDefault();
    (next ?? (step < 0 ? input : document.activeElement)).focus();
  });
}

// expand a song
document.addEventListener("click", async (event) => {
  const opener = event.target.closest("[data-expand]");
  if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const song = opener.closest(".song");
  const open = song.querySelector(".opened");
  if (open) {
    open.remove();
    opener.setAttribute("aria-expanded", "false");
    return;
  }
  if (opener.getAttribute("aria-expanded") === "true") return;
  opener.setAttribute("aria-expanded", "true");
  try {
    const part = (await page(opener.href)).querySelector("[data-part]");
    part.className = "opened";
    song.append(document.adoptNode(part));
    watchPictures(part);
  } catch (error) {
    opener.setAttribute("aria-expanded", "false");
    say(error.message);
  }
});
function prepareOpeners() {
  for (const opener of document.querySelectorAll("[data-expand]")) {
    opener.setAttribute("role", "button");
    opener.setAttribute("aria-expanded", "false");
  }
}
prepareOpeners();

// not for me: the song leaves at once, and the list comes anew
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.sure && !confirm(form.dataset.sure)) event.preventDefault();
  if (form.dataset.refuse === undefined) return;
  event.preventDefault();
  const song = form.closest(".song");
  const place = [...song.parentElement.children].indexOf(song);
  song.hidden = true;
  try {
    const body = new URLSearchParams(new FormData(form));
    swap("#playlist", await page(form.action, { method: "POST", body }));
    prepareOpeners();
    say(`${form.dataset.refuse} is gone.`);
    // on the same button of the song that stands there now, for who has no mouse
    const there = document.querySelectorAll("#playlist [data-refuse] button");
    (there[Math.min(place, there.length - 1)] ?? document.getElementById("page")).focus({
      preventScroll: true,
    });
  } catch (error) {
    song.hidden = false;
    say(error.message);
  }
});

// a choice that needs no button
for (const choice of document.querySelectorAll("select[data-submit]")) {
  choice.form.querySelector("button").hidden = true;
  choice.addEventListener("change", () => choice.form.requestSubmit());
}

// other weights, and songs that move to their new places
const mixer = document.querySelector("form[data-mixer]");
if (mixer) {
  const sliders = [...mixer.querySelectorAll("input[type=range]")];
  const option = document.getElementById("as-option");
  const fetchNewest = newest();
  const copy = mixer.querySelector("[data-copy]");
  mixer.querySelector("[data-plain]").hidden = true;
  copy.hidden = false;
  const blend = later(60, () => {
    const fields = new URLSearchParams(new FormData(mixer));
    // a slider is coarser than a weight: where nobody moved it, the weight stays
    for (const slider of sliders) {
      if (slider.value === rounded(slider)) fields.delete(slider.name);
    }
    const address = `${mixer.action}?${fields}`;
    fetchNewest(address, (found) => {
      const before = places();
      swap("#blended", found);
      move(before);
      history.replaceState(null, "", address);
    });
  });
  const rounded = (slider) => {
    const own = slider.cloneNode();
    own.value = slider.dataset.own;
    return own.value;
  };
  const shown = (slider) => Number(slider.value).toFixed(2);
  const show = () => {
    for (const slider of sliders) {
      slider.parentElement.querySelector("output").textContent = shown(slider);
      slider.style.setProperty("--filled", `${(100 * slider.value) / slider.max}%`);
    }
    const weights = sliders.map((slider) => `${slider.name}=${shown(slider)}`);
    option.value = `--weights ${weights.join(",")}`;
  };
  const change = () => {
    show();
    blend();
  };
  show();
  for (const slider of sliders) slider.addEventListener("input", change);
  mixer.querySelector("[data-reset]").addEventListener("click", (event) => {
    event.preventDefault();
    for (const slider of sliders) slider.value = slider.dataset.own;
    change();
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(option.value);
      say("Copied.");
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    } catch {
      // no clipboard without encryption: let the person copy it
      option.select();
      say("Press Ctrl and C to copy.");
    }
  });
}

function places() {
  const tops = new Map();
  for (const song of document.querySelectorAll("#blended .song")) {
    tops.set(song.dataset.song, song.getBoundingClientRect().top);
  }
  return tops;
}

function move(before) {
  if (stillness.matches) return;
  for (const song of document.querySelectorAll("#blended .song")) {
    const top = before.get(song.dataset.song);
    const by = top === undefined ? 0 : top - song.getBoundingClientRect().top;
    const from =
      top === undefined ? { opacity: 0 } : { transform: `translateY(${by}px)` };
    if (by || top === undefined) {
      song.animate([from, {}], { duration: 320, easing: "cubic-bezier(.2,.8,.2,1)" });
    }
  }
}

// listen
const player = document.getElementById("player");
const sound = new Audio();
sound.preload = "none";
let playing = null;
function stop() {
  sound.pause();
  player.hidden = true;
  playing?.classList.remove("on");
  playing = null;
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-audio]");
  if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const again = button === playing;
  stop();
  if (again) return;
  playing = button;
  button.classList.add("on");
  player.hidden = false;
  player.querySelector("[data-title]").textContent = button.dataset.audio;
  player.querySelector("[data-state]").textContent = "Loading …";
  player.querySelector("progress").value = 0;
  sound.src = button.href;
  try {
    await sound.play();
  } catch {
    if (playing === button) {
      player.querySelector("[data-state]").textContent = "This song cannot be played.";
    }
  }
});
player.querySelector("[data-stop]").addEventListener("click", stop);
sound.addEventListener("playing", () => {
  player.querySelector("[data-state]").textContent = "";
});
sound.addEventListener("timeupdate", () => {
  player.querySelector("progress").value = sound.currentTime / (sound.duration || 1);
});
sound.addEventListener("ended", stop);
