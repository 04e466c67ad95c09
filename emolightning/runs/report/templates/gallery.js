// The cards of the clips. All texts are set as text; no markup is made of data.
(() => {
  const source = document.querySelector("#clips-data");
  if (!source) return;
  const { labels, groups, clips } = JSON.parse(source.textContent), STEP = 60, READ_FROM = "read from";
  for (const clip of clips) {  // What many have in common is written once.
    if (clip.q) clip.q = labels.flatMap((label, at) => (clip.q[at] == null ? [] : [[label, clip.q[at]]]));
    clip.g = groups.flatMap(([name, values], at) => (clip.g?.[at] == null ? [] : [[name, values[clip.g[at]]]]));
  }
  const search = document.querySelector("#search"), cards = document.querySelector("#cards");
  const order = document.querySelector("#order"), found = document.querySelector("#found");
  const more = document.querySelector("#more"), keys = document.querySelector("#keys");
  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const said = (clip) => clip.p ?? clip.a ?? "";
  const sure = (clip) => (clip.q ? Math.max(...clip.q.map((each) => each[1])) : 0);
  const group = (clip, name) => clip.g.find((each) => each[0] === name)?.[1];
  const words = clips.map((clip) =>
    [clip.i, clip.t, clip.y, clip.a, clip.h, ...(clip.s || []).flat(), ...clip.g.map((each) => each[1])]
      .join("\n").toLowerCase());

  // What one can filter by: a list of values each, the most frequent ones first.
  const MOST_VALUES = 60, selects = new Map();
  const add = (name, of, key = name) => {
    const counts = new Map();
    for (const clip of clips) {
      const value = of(clip);
      if (value) counts.set(value, (counts.get(value) || 0) + 1);
    }
    if (!counts.size || counts.size > MOST_VALUES || (counts.size === 1 && [...counts.values()][0] === clips.length)) return;
    const label = make("label", "", `${name} `), select = make("select");
    select.setAttribute("aria-label", `Only clips with this ${name}`);
    select.append(new Option("all", ""));
    for (const [value, count] of [...counts].sort((one, two) => two[1] - one[1]))
      select.append(new Option(`${value.length > 40 ? value.slice(0, 40) + "..." : value} (${count})`, value));
    select.addEventListener("change", show);
    label.append(select);
    document.querySelector("#filters").append(label);
    selects.set(key, { select, of });
  };
  const isLabel = clips.some((clip) => clip.o);
  add("outcome", (clip) => clip.o);
  if (isLabel || clips.some((clip) => clip.s)) add("truth", (clip) => clip.y);
  if (isLabel) add("answer", (clip) => (clip.o === "unreadable" ? "(unreadable)" : said(clip)));
  for (const [name] of groups) add(name, (clip) => group(clip, name), `group ${name}`);

  const orders = { "as listed": null };
  if (clips.some((clip) => clip.q)) {
    orders["surest first"] = (one, two) => sure(clips[two]) - sure(clips[one]);
    orders["least sure first"] = (one, two) => sure(clips[one]) - sure(clips[two]);
  }
  orders["longest answer first"] = (one, two) => (clips[two].a || "").length - (clips[one].a || "").length;
  orders["by id"] = (one, two) => (clips[one].i < clips[two].i ? -1 : 1);
  for (const name of Object.keys(orders)) order.append(new Option(name, name));

  let chosen = [], drawn = 0, at = -1;
  function show() {
    const wanted = search.value.trim().toLowerCase();
    chosen = [];
    for (let number = 0; number < clips.length; number++) {
      if (wanted && !words[number].includes(wanted)) continue;
      let fits = true;
      for (const { select, of } of selects.values())
        if (select.value && of(clips[number]) !== select.value) { fits = false; break; }
      if (fits) chosen.push(number);
    }
    if (orders[order.value]) chosen.sort(orders[order.value]);
    found.textContent = `${chosen.length} of ${clips.length} clips`;
    cards.replaceChildren();
    drawn = 0;
    at = -1;
    draw();
  }
  function draw() {
    const part = make("div", "cards"), next = chosen.slice(drawn, drawn + STEP).map((number) => clips[number]);
    part.append(...next.map(card));
    // A part that is out of sight is not laid out: its height is a guess, so that scrolling does not jump.
    const columns = Math.max(1, Math.floor(cards.clientWidth / 340));
    part.style.containIntrinsicSize = `auto ${Math.ceil(next.reduce((sum, clip) => sum + height(clip), 0) / columns)}px`;
    drawn = Math.min(chosen.length, drawn + STEP);
    cards.append(part);
    more.hidden = drawn >= chosen.length;
  }

  const one = (number) => cards.children[Math.floor(number / STEP)].children[number % STEP];
  function height(clip) {
    const texts = [clip.t, clip.a, ...(clip.s || []).map((each) => each[1])].filter(Boolean);
    const lines = texts.reduce((sum, text) => sum + Math.ceil(Math.min(text.length, 260) / 42), 4 + Math.min(4, clip.q?.length || 0));
    return 25 * lines + (clip.f ? 155 : 0) + (clip.w ? 45 : 0) + (clip.v ? 40 : 0);
  }
  function card(clip) {
    const box = make("article", clip.o ? `card is-${clip.o}` : "card");
    box.tabIndex = -1;
    const head = make("p", "id");
    head.append(make("bdi", "", clip.i));
    for (const [name, value] of clip.g)
      if (name !== READ_FROM) head.append(" ", make("span", "chip", `${name} ${value}`));
    box.append(pictures(clip), head);
    if (clip.t) box.append(text("p", "\u201c", clip.t, "\u201d"));
    if (clip.y) box.append(line("truth", clip.y, "truth"));
    for (const [name, words] of clip.s || []) box.append(line(name, words, words === clip.y ? "truth" : ""));
    if (clip.a !== undefined || clip.o) {
      const tone = { right: "truth", wrong: "wrong", unreadable: "wrong" }[clip.o] || "";
      box.append(line("answer", clip.a || "(none)", clip.p ? "" : tone));
      if (clip.p) box.append(line("read as", clip.p, tone));
      const how = [group(clip, READ_FROM), clip.h].filter(Boolean).join("; ");
      if (how) box.append(make("p", "how", `how it was read: ${how}`));
    }
    if (clip.q) box.append(bars(clip.q, clip.y));
    return box;
  }
  function line(name, words, tone) {
    const p = make("p");
    p.append(make("span", "name", name), " ", text("span", "", words, "", tone));
    return p;
  }
  function text(tag, before, words, after, tone) {
    const element = make(tag, tone);
    const part = make("bdi");
    element.append(before, part, after);
    if (words.length <= 300) { part.textContent = words; return element; }
    part.textContent = words.slice(0, 220) + "...";
    const button = make("button", "rest", `${words.length - 220} more characters`);
    button.type = "button";
    button.addEventListener("click", () => { part.textContent = words; button.remove(); });
    element.append(" ", button);
    return element;
  }
  function bars(chances, truth) {
    const list = make("div", "bars");
    for (const [label, chance] of [...chances].sort((one, two) => two[1] - one[1]).slice(0, 4)) {
      const bar = make("i");
      bar.style.width = `${100 * chance}%`;
      const row = make("div", label === truth ? "bar is-true" : "bar");
      row.append(bar, make("span", "", label), make("b", "", `${(100 * chance).toFixed(1)} %`));
      list.append(row);
    }
    return list;
  }
  function pictures(clip) {
    const box = make("div", "media");
    const frames = make("div", "frames");
    (clip.f || []).forEach((address, number) => {
      const image = make("img");
      image.src = address;
      image.alt = `frame ${number + 1} of ${clip.f.length} of ${clip.i}`;
      frames.append(image);
    });
    if (clip.f) box.append(frames);
    if (clip.w) box.append(wave(clip));
    if (clip.v) {
      const button = make("button", "play noprint", "Play");
      button.type = "button";
      button.addEventListener("click", () => play(clip, box, frames, button));
      box.append(button);
    }
    return box;
  }
  function play(clip, box, frames, button) {
    const video = make("video");
    video.controls = true;
    video.autoplay = true;
    video.src = clip.v;
    video.addEventListener("error", () => {
      video.remove();
      frames.hidden = false;
      button.replaceWith(make("p", "how", `This browser cannot play ${decodeURIComponent(clip.v)}, or the file is gone.`));
    });
    frames.hidden = true;
    button.hidden = true;
    box.prepend(video);
  }
  function wave(clip) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), many = clip.w.length;
    svg.setAttribute("viewBox", `0 0 ${many} 40`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "wave");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `sound of ${clip.i}`);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", clip.w.map((loud, place) => `M${place + 0.5} ${20 - loud / 5}v${Math.max(0.6, loud / 2.5)}`).join(""));
    svg.append(path);
    return svg;
  }

  function set(name, value) {
    const entry = selects.get(name);
    if (entry && [...entry.select.options].some((option) => option.value === value)) entry.select.value = value;
  }
  function clear() {
    search.value = "";
    for (const { select } of selects.values()) select.value = "";
  }
  function go(step) {
    const next = Math.min(chosen.length - 1, Math.max(0, at + step));
    if (next < 0) return;
    while (next >= drawn) draw();
    at = next;
    const box = one(at);
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "center" });
  }
  const outcomes = { 1: "wrong", 2: "unreadable", 3: "right", 0: "" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (typing) { if (event.key === "Escape") document.activeElement.blur(); return; }
    if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "/") search.focus();
    else if (event.key === "?") keys.showModal();
    else if (event.key === "x") { clear(); show(); }
    else if (event.key in outcomes && selects.has("outcome")) {
      selects.get("outcome").select.value = "";
      set("outcome", outcomes[event.key]);
      show();
    } else if (event.key === "p" && at >= 0) {
      const video = one(at).querySelector("video");
      if (video) { if (video.paused) video.play(); else video.pause(); }
      else one(at).querySelector(".play")?.click();
    } else return;
    event.preventDefault();
  });
  cards.addEventListener("click", (event) => {
    const box = event.target.closest(".card");
    if (box) at = [...cards.querySelectorAll(".card")].indexOf(box);
  });

  // A cell of the confusion matrix, a class, a slice, or a row of mistakes, shows its clips.
  function pick(target) {
    const { clip, truth, answer, group, value } = target.dataset;
    clear();
    if (clip !== undefined) search.value = clip;
    if (truth !== undefined) set("truth", truth);
    if (answer !== undefined) set("answer", answer);
    if (group !== undefined) set(`group ${group}`, value);
    show();
    document.querySelector("#clips").scrollIntoView();
  }
  for (const cell of document.querySelectorAll("[data-truth], [data-clip], [data-group]")) {
    cell.classList.add("pick");
    cell.setAttribute("role", "button");
    cell.setAttribute("tabindex", "0");
    cell.closest("svg")?.setAttribute("role", "group");  // What is in a picture cannot be reached.
    cell.addEventListener("click", () => pick(cell));
    cell.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(cell); }
    });
  }

  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 120); });
  order.addEventListener("change", show);
  document.querySelector("#keys-button").addEventListener("click", () => keys.showModal());
  new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting) && drawn < chosen.length) draw(); },
    { rootMargin: "600px" }).observe(more);
  document.querySelector("#tools").hidden = false;
  show();
})();
