// Nothing on these pages needs this script. It adds: Escape twice hides the screen, what is left open hides itself when
// the session is over, and files are sent piece by piece with their progress, going on where they were cut.
"use strict";
(() => {
  // The page goes at once; the session is hidden with it, so that going on takes the password.
  const hide = () => {
    const form = document.getElementById("hide-screen");
    document.documentElement.hidden = true;
    const gone = () => location.replace("/hidden");
    if (!form) { gone(); return; }
    fetch("/hidden", { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual", keepalive: true })
      .then(gone, gone);
  };
  let last = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") { last = -Infinity; return; }
    if (event.timeStamp - last < 1000) hide();
    last = event.timeStamp;
  });

  const summary = document.querySelector(".error-summary");
  if (summary) summary.focus();

  const seconds = Number(document.body.dataset.secondsLeft);
  const left = document.getElementById("time-left");
  const timers = [];
  const usual = left && [left.textContent, left.className];
  const count = () => {
    timers.splice(0).forEach(clearTimeout);
    if (!(seconds > 0)) return;
    [left.textContent, left.className] = usual;
    timers.push(setTimeout(() => {
      left.setAttribute("role", "status");
      left.textContent = "You will be signed out in 2 minutes unless you do something.";
      left.className = "soon";
    }, Math.max(seconds - 120, 0) * 1000));
    timers.push(setTimeout(hide, seconds * 1000));
  };
  count();

  // What is typed in a form that can be kept is kept a moment after it was typed, and the session goes on with it.
  const keeping = document.querySelector("form[data-keep]");
  if (keeping) {
    const said = document.getElementById("kept");
    let due = 0;
    const keep = async () => {
      due = 0;
      const fields = new URLSearchParams(new FormData(keeping));
      fields.set("do", "keep");
      // A request that outlives its page may be of 64 KiB.
      const keepalive = document.hidden && String(fields).length < 60000;
      const answer = await fetch(keeping.dataset.keep, { method: "POST", body: fields, redirect: "manual", keepalive })
        .catch(() => null);
      const time = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
      if (answer && answer.status === 204) {
        said.textContent = "Saved at " + time;
        history.replaceState(null, "", keeping.dataset.keep);
        count();
      } else {
        said.textContent = "Not saved since " + time + ". Press Save, and go on later.";
      }
    };
    keeping.addEventListener("input", () => { if (!due) due = setTimeout(keep, 3000); });
    keeping.addEventListener("submit", () => clearTimeout(due));
    document.addEventListener("visibilitychange", () => { if (due && document.hidden) { clearTimeout(due); keep(); } });
  }

  // Passkeys: what the browser answers goes into the form's fields, and the form is sent. The button is there where the
  // browser can, at the address that passkeys are made for.
  const able = window.PublicKeyCredential
    && PublicKeyCredential.parseRequestOptionsFromJSON && PublicKeyCredential.parseCreationOptionsFromJSON;
  for (const part of document.querySelectorAll(".by-passkey")) {
    const { site, question, makes, alone } = part.dataset;
    const form = part.closest("form");
    const said = part.querySelector(".error");
    if (!able || location.hostname !== site) continue;
    part.hidden = false;
    for (const notice of form.querySelectorAll(".no-passkeys")) notice.hidden = true;
    part.querySelector("button").addEventListener("click", async () => {
      said.hidden = true;
      // Whatever else the form needs comes first, but where a passkey stands for all of it.
      if (!alone && !form.reportValidity()) return;
      try {
        const answer = await fetch(question);
        const asked = await answer.json();
        if (!answer.ok) throw new Error(asked.detail);
        const credential = makes
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked.options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.options) });
        part.querySelector("[data-answer]").value = JSON.stringify(credential.toJSON());
        part.querySelector("[data-challenge]").value = asked.challenge;
        form.submit();
      } catch (error) {
        const known = { InvalidStateError: "That one is added already. Choose another.",
          NotAllowedError: makes ? "No passkey was made. Try again when you are ready."
            : "No passkey answered. Try again, or type a code." };
        said.textContent = known[error.name] || "That did not work here. Try again, or type a code.";
        said.hidden = false;
      }
    });
  }

  // What belongs to an answer is unfolded when it is chosen.
  for (const part of document.querySelectorAll("details[data-opened-by]")) {
    const answer = document.getElementById(part.dataset.openedBy);
    if (answer) answer.addEventListener("change", () => { part.open = true; });
  }

  // A long list of ticks: all of them or none at once, and how many there are.
  for (const bar of document.querySelectorAll("[data-ticks]")) {
    const ticks = [...bar.closest("form").elements].filter((one) => one.type === "checkbox" && one.name === bar.dataset.ticks);
    const said = bar.querySelector("[role=status]");
    const tellTicked = () => { said.textContent = ticks.filter((one) => one.checked).length + " of " + ticks.length + " ticked"; };
    if (ticks.length < 2) continue;
    bar.hidden = false;
    for (const button of bar.querySelectorAll("[data-tick]")) {
      button.addEventListener("click", () => {
        for (const one of ticks) one.checked = button.dataset.tick === "all";
        tellTicked();
      });
    }
    for (const one of ticks) one.addEventListener("change", tellTicked);
    tellTicked();
  }

  // The desk and the second look: one page large beside the others, by keys; pages that are dragged onto a document.
  const desk = document.getElementById("desk") || document.getElementById("checking");
  if (desk) {
    // All of them open here; the keys go through those that are to be looked at.
    const thumbs = [...desk.querySelectorAll(".thumb")];
    const wanted = thumbs.map((thumb) => !thumb.closest("details:not([open])") && thumb.dataset.look !== "no");
    const toLookAt = wanted.filter((one) => one).length;
    const following = (place, step = 1) => {
      do { place += step; } while (thumbs[place] && !wanted[place]);
      return place;
    };
    const looking = document.getElementById("looking");
    const large = document.getElementById("large");
    const at = document.getElementById("looking-at");
    const seen = document.getElementById("seen");
    const looked = new Set();
    const turns = new Map();
    const ahead = [];
    let current = -1;
    let showing = null;
    const whose = (thumb) => {
      const heading = thumb.closest("section.row").querySelector("h3");
      return heading ? [...heading.cloneNode(true).childNodes] : [];
    };
    const turnView = () => { large.className = "r" + (turns.get(current) || 0); };
    const markOf = (thumb) => thumb.querySelector("input[name=wrong]");
    const tellPage = () => {
      const thumb = thumbs[current];
      const mark = markOf(thumb);
      at.replaceChildren("Page " + thumb.dataset.page + " – ", ...whose(thumb), mark && mark.checked ? " – marked as wrong" : "");
    };
    const show = (place) => {
      if (place < 0 || place >= thumbs.length) return;
      if (current >= 0) thumbs[current].classList.remove("current");
      current = place;
      const thumb = thumbs[place];
      thumb.classList.add("current");
      looking.hidden = false;
      looking.parentElement.classList.add("on");
      tellPage();
      showing = thumb.querySelector("a").href;
      large.src = showing;
      large.alt = "Page " + thumb.dataset.page + ", large";
      turnView();
      thumb.scrollIntoView({ block: "nearest" });
      // The next two are fetched before they are asked for.
      ahead.splice(0);
      for (const next of [following(place), following(following(place))].map((one) => thumbs[one]).filter((one) => one)) {
        const picture = new Image();
        picture.src = next.querySelector("a").href;
        ahead.push(picture);
      }
    };
    large.addEventListener("load", () => {
      if (large.src !== showing) return;
      looked.add(current);
      if (seen) seen.textContent = [...looked].filter((one) => wanted[one]).length + " of " + toLookAt + " looked at.";
    });
    for (const [place, thumb] of thumbs.entries()) {
      thumb.querySelector("a").addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        show(place);
      });
      const mark = markOf(thumb);
      if (mark) mark.addEventListener("change", () => {
        thumb.classList.toggle("doubted", mark.checked);
        if (place === current) tellPage();
      });
    }
    document.getElementById("keys").hidden = false;
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select")) return;
      const key = event.key.toLowerCase();
      if (key === "n" && following(current) >= thumbs.length && desk.id === "checking") {
        // After the last page: one that was not looked at, or the answer.
        const left = thumbs.findIndex((_, place) => wanted[place] && !looked.has(place));
        if (left < 0) document.getElementById("looked").focus();
        else show(left);
      } else if (key === "n") show(following(current));
      else if (key === "p") show(Math.max(following(current, -1), 0));
      else if (key === "r" && current >= 0) { turns.set(current, ((turns.get(current) || 0) + 90) % 360); turnView(); }
      else if (key === "x" && current >= 0 && desk.id === "checking") {
        markOf(thumbs[current]).click();
      } else if (key === "m" && current >= 0 && desk.id === "desk") {
        const stack = thumbs[current].closest("section[data-stack]").dataset.stack;
        const put = desk.querySelector("form[data-put='" + stack + "']");
        const run = thumbs.filter((thumb) => thumb.closest("section.row") === thumbs[current].closest("section.row"));
        put.querySelector("[name=first]").value = thumbs[current].dataset.page;
        put.querySelector("[name=last]").value = run[run.length - 1].dataset.page;
        put.scrollIntoView({ block: "center" });
        put.querySelector("[name=pupil]").focus();
      } else return;
      event.preventDefault();
    });
    if (desk.id === "desk") {
      let dragged = null;
      desk.addEventListener("dragstart", (event) => {
        const thumb = event.target.nodeType === Node.ELEMENT_NODE && event.target.closest(".thumb");
        if (!thumb) return;
        dragged = { page: thumb.dataset.page, stack: thumb.closest("section[data-stack]").dataset.stack };
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", "page " + dragged.page);
      });
      // What is dragged after a page that was let go elsewhere is no page.
      desk.addEventListener("dragend", () => { dragged = null; });
      for (const piece of desk.querySelectorAll("section[data-piece]")) {
        piece.addEventListener("dragover", (event) => {
          if (!dragged || piece.dataset.stack !== dragged.stack) return;
          event.preventDefault();
          piece.classList.add("over");
        });
        piece.addEventListener("dragleave", () => piece.classList.remove("over"));
        piece.addEventListener("drop", (event) => {
          if (!dragged) return;
          event.preventDefault();
          const put = desk.querySelector("form[data-put='" + dragged.stack + "']");
          put.querySelector("[name=first]").value = dragged.page;
          put.querySelector("[name=last]").value = dragged.page;
          put.querySelector("[name=piece]").value = piece.dataset.piece;
          put.querySelector("button[value=move]").click();
        });
      }
      // What was typed and not saved is saved before something else at the desk leads to a new page. A date for all is not:
      // it was not said yet that it holds.
      const saving = document.getElementById("save");
      let typed = false;
      const fields = [...saving.elements].filter((one) => one.name && one.name !== "date");
      for (const field of fields) field.addEventListener("input", () => { typed = true; });
      desk.addEventListener("submit", (event) => {
        const { target, submitter } = event;
        if (!typed || target === saving) return;
        event.preventDefault();
        const said = new URLSearchParams(new FormData(saving));
        said.delete("date");
        said.set("do", "save");
        const go = () => { typed = false; target.requestSubmit(submitter); };
        fetch(saving.action, { method: "POST", body: said, redirect: "manual" }).then(go, go);
      });
      // After a change the desk goes on at the page that was changed.
      const changed = /^#pages-([0-9a-z]{26})-([0-9]+)$/.exec(location.hash);
      if (changed) {
        const ofStack = (thumb) => thumb.closest("section[data-stack]").dataset.stack === changed[1];
        const itself = thumbs.findIndex((thumb) => ofStack(thumb) && thumb.dataset.page === changed[2]);
        const after = thumbs.findIndex((thumb) => ofStack(thumb) && Number(thumb.dataset.page) > Number(changed[2]));
        show(itself < 0 ? after : itself);
      }
    }
  }

  const drop = document.getElementById("drop");
  const files = document.getElementById("files");
  if (!drop || !files) return;
  const form = document.getElementById("upload-form");
  const chosen = document.getElementById("chosen");
  const field = (name) => form.elements[name].value;
  let list = [];

  // Choosing: by the button, or by dropping files and folders.
  const tell = () => {
    chosen.textContent = list.length === 0 ? "" : list.length === 1 ? "1 file chosen" : list.length + " files chosen";
  };
  files.addEventListener("change", () => { list = [...files.files]; tell(); });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  const walk = async (entry) => {
    if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (some.length === 0) return found;
      for (const each of some) found.push(...await walk(each));
    }
  };
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const dropped = entries.every(Boolean) ? (await Promise.all(entries.map(walk))).flat() : [...event.dataTransfer.files];
    list = list.concat(dropped);
    files.required = false;
    tell();
  });

  // SHA-256 of a file: whole where it is small, else piece by piece (FIPS 180-4).
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const small = 32 << 20;
  const constants = (() => {
    const primes = [];
    for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
    const bits = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
    return { k: primes.map((p) => bits(Math.cbrt(p))), h: primes.slice(0, 8).map((p) => bits(Math.sqrt(p))) };
  })();
  const block = (h, w, view, at) => {
    const turn = (x, n) => (x >>> n) | (x << (32 - n));
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >>> 3);
      const s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, last] = h;
    for (let i = 0; i < 64; i++) {
      const t1 = (last + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants.k[i] + w[i]) | 0;
      const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      last = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    [a, b, c, d, e, f, g, last].forEach((x, i) => { h[i] = (h[i] + x) | 0; });
  };
  const hash = async (file) => {
    if (file.size <= small) return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())));
    const h = [...constants.h];
    const w = new Int32Array(64);
    for (let at = 0; at < file.size; at += small) {
      const bytes = new Uint8Array(await file.slice(at, at + small).arrayBuffer());
      const isLast = at + small >= file.size;
      const padded = isLast ? new Uint8Array(((bytes.length + 72) >> 6) << 6) : bytes;
      const view = new DataView(padded.buffer);
      if (isLast) {
        padded.set(bytes);
        padded[bytes.length] = 0x80;
        view.setBigUint64(padded.length - 8, BigInt(file.size) * 8n);
      }
      for (let b = 0; b < padded.length; b += 64) block(h, w, view, b);
      await new Promise((done) => setTimeout(done));
    }
    return h.map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
  };

  // Sending: tus 1.0, three files at a time, each tried again until the network is back.
  const place = "/api/v1/uploads";
  const pieceSize = 8 << 20;
  let token = field("csrf");
  const call = (method, url, headers, body, progress) => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.setRequestHeader("Tus-Resumable", "1.0.0");
    request.setRequestHeader("Strongroom-Token", token);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (progress) request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => done(request);
    request.onerror = request.ontimeout = () => failed(new Error("network"));
    request.send(body || null);
  });
  const encoded = (text) => {
    let binary = "";
    for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
    return btoa(binary);
  };
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  const jobs = [];
  const overall = document.getElementById("overall");
  const bar = document.getElementById("overall-bar");
  const rows = document.getElementById("sending");
  let lastSaid = 0;
  const showAll = (now) => {
    const ended = jobs.filter((job) => job.done || job.failed).length;
    const total = jobs.reduce((sum, job) => sum + job.file.size, 0);
    const sent = jobs.reduce((sum, job) => sum + (job.done || job.failed ? job.file.size : job.sent), 0);
    bar.max = Math.max(total, 1);
    bar.value = sent;
    const seconds = (performance.now() - jobs.began) / 1000;
    const left = sent > 0 && seconds > 3 ? (seconds / sent) * (total - sent) : 0;
    const time = left < 5 ? "" : left < 90 ? ", about a minute left" : ", about " + Math.round(left / 60) + " minutes left";
    // Announced every five seconds at the most, so that a screen reader can keep up.
    if (!now && performance.now() - lastSaid < 5000) return;
    lastSaid = performance.now();
    const taken = jobs.filter((job) => job.done).length;
    const isOver = ended === jobs.length;
    overall.textContent = (isOver ? taken : ended) + " of " + jobs.length + (jobs.length === 1 ? " file" : " files")
      + (isOver ? " taken" : time);
  };
  const show = (job, words, isProblem) => {
    job.state.textContent = words;
    job.row.classList.toggle("attention", Boolean(isProblem));
    showAll(false);
  };
  const moved = (job, sent) => { job.sent = sent; job.bar.value = sent; showAll(false); };

  class Refused extends Error {
    constructor(answer) {
      super(problem(answer));
      this.mayPass = answer.status === 507;
    }
  }
  class SignedOut extends Error {}
  const problem = (answer) => {
    try {
      const { title, detail } = JSON.parse(answer.responseText);
      return title.replace(/\.$/, "") + ". " + detail;
    } catch { return "The vault did not take it. Try again."; }
  };
  // 0 and 5xx but a full disk: the network or the server, tried again. Everything else is an answer.
  const passes = (status) => status === 423 || (status >= 500 && status !== 507);
  const refreshed = async () => {
    const answer = await call("GET", place, {});
    if (answer.status !== 200) return null;
    token = answer.getResponseHeader("Strongroom-Token") || token;
    return JSON.parse(answer.responseText);
  };

  // The service was started anew, or the session ended: everything waits for one sign-in, in another tab.
  let waiting = null;
  const signedIn = () => {
    if (waiting) return waiting;
    const notice = document.getElementById("signed-out");
    const on = document.getElementById("go-on");
    notice.hidden = false;
    notice.focus();
    waiting = new Promise((done) => {
      on.onclick = async () => {
        const answer = await refreshed().catch(() => null);
        if (!answer) { document.getElementById("still-out").hidden = false; return; }
        notice.hidden = true;
        document.getElementById("still-out").hidden = true;
        waiting = null;
        done();
      };
    });
    return waiting;
  };

  const attempt = async (job) => {
    const { file } = job;
    let offset = 0;
    if (!job.url) {
      // Never one that another file of this page goes on with: two files may well have the same content.
      const known = (await refreshed() || []).find((one) =>
        one.sha256 === job.hash && one.filename === file.name && one.pupil === form.dataset.pupil &&
        !jobs.some((other) => other !== job && other.url === place + "/" + one.upload));
      if (known) job.url = place + "/" + known.upload;
    }
    if (job.url) {
      const answer = await call("HEAD", job.url, {});
      if (answer.status === 200) offset = Number(answer.getResponseHeader("Upload-Offset"));
      else if (passes(answer.status)) throw new Error("server");
      else if (answer.status === 403) throw new SignedOut();
      else job.url = null;
      if (job.url && offset === file.size) return;
    }
    if (!job.url) {
      const said = {
        filename: file.name, filetype: file.type, pupil: form.dataset.pupil, sha256: job.hash,
        category: field("category"), date: field("date"), signed: field("signed"), summary: field("summary"),
      };
      const metadata = Object.entries(said).filter(([, value]) => value)
        .map(([key, value]) => key + " " + encoded(value)).join(",");
      const whole = file.size <= pieceSize;
      const headers = { "Upload-Length": String(file.size), "Upload-Metadata": metadata };
      if (whole) headers["Content-Type"] = "application/offset+octet-stream";
      const answer = await call("POST", place, headers, whole ? file : null, (sent) => moved(job, sent));
      if (passes(answer.status)) throw new Error("server");
      if (answer.status === 403) throw new SignedOut();
      if (answer.status !== 201) throw new Refused(answer);
      job.url = answer.getResponseHeader("Location");
      if (whole) return;
    }
    while (offset < file.size) {
      const from = offset;
      const answer = await call(
        "PATCH", job.url, { "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" },
        file.slice(from, from + pieceSize), (sent) => moved(job, from + sent));
      if (passes(answer.status) || answer.status === 409) throw new Error("server");
      if (answer.status === 403) throw new SignedOut();
      if (answer.status !== 204) throw new Refused(answer);
      offset = Number(answer.getResponseHeader("Upload-Offset"));
      moved(job, offset);
    }
  };

  const send = async (job) => {
    job.failed = job.done = false;
    job.again.hidden = true;
    try {
      if (!job.hash) {
        show(job, "Reading");
        job.hash = await hash(job.file);
      }
      for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
        show(job, "Sending");
        try {
          await attempt(job);
          break;
        } catch (error) {
          if (error instanceof SignedOut) {
            show(job, "Waiting for you to sign in again");
            await signedIn();
            wait = 0.5;
            continue;
          }
          if (error instanceof Refused) throw error;
          show(job, "Waiting for the network. It goes on by itself.");
          await pause(wait * 1000);
        }
      }
      job.done = true;
      moved(job, job.file.size);
      show(job, "Here, encrypted and checked");
    } catch (error) {
      job.failed = true;
      show(job, error instanceof Refused ? error.message : "This file cannot be read. Choose it again.", true);
      // What was decided stays decided; a full disk or a file that could not be read may be put right.
      job.again.hidden = error instanceof Refused && !error.mayPass;
    }
  };

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const addRow = (file, number) => {
    const row = element("li", "", "sent");
    const name = element("p", "", "sent-name");
    name.append(element("span", number + ". ", "figures"), file.name);
    const progress = element("progress");
    progress.max = Math.max(file.size, 1);
    progress.value = 0;
    progress.setAttribute("aria-label", "How much of " + file.name + " is sent");
    const state = element("p", "In the queue", "quiet");
    const again = element("button", "Try again", "second");
    again.type = "button";
    again.hidden = true;
    const job = { file, row, state, again, bar: progress, sent: 0, hash: "", url: null };
    again.addEventListener("click", async () => { await refreshed().catch(() => null); await send(job); ended(); });
    row.append(name, progress, state, again);
    rows.append(row);
    return job;
  };

  const ended = () => {
    showAll(true);
    const here = jobs.filter((job) => job.done).length;
    if (jobs.some((job) => !job.done && !job.failed)) return;
    if (here === jobs.length) { location.assign(form.dataset.check); return; }
    const left = jobs.length - here;
    document.getElementById("stay").hidden = true;
    const after = document.getElementById("after");
    after.replaceChildren();
    after.append(element("p", left + (left === 1 ? " file was" : " files were") + " not taken. The reason stands beside it; the others are safe."));
    if (here > 0) {
      const on = element("a", here === 1 ? "Check 1 file" : "Check " + here + " files", "button");
      on.href = form.dataset.check;
      after.append(on);
    }
    after.hidden = false;
    after.focus({ preventScroll: true });
    document.getElementById("progress").scrollIntoView({ block: "start" });
  };

  form.addEventListener("submit", async (event) => {
    if (!window.crypto || !crypto.subtle || list.length === 0) return;
    event.preventDefault();
    const before = jobs.length;
    jobs.began = performance.now();
    document.getElementById("progress").hidden = false;
    document.getElementById("choosing").hidden = true;
    for (const file of list) jobs.push(addRow(file, jobs.length + 1));
    showAll(true);
    const progress = document.getElementById("progress");
    progress.focus({ preventScroll: true });
    progress.scrollIntoView({ block: "start" });
    const queue = jobs.slice(before);
    const worker = async () => { for (let job; (job = queue.shift());) await send(job); };
    await Promise.all([worker(), worker(), worker()]);
    ended();
  });
  window.addEventListener("beforeunload", (event) => {
    if (jobs.some((job) => !job.done && !job.failed)) event.preventDefault();
  });
})();

// While first pages are read for proposed summaries: each is put where nothing was typed, as soon as it is there.
(() => {
  const reading = () => [...document.querySelectorAll("[data-reading]")];
  const form = reading()[0]?.closest("form");
  if (!form) return;
  const look = async (tries) => {
    const answer = await fetch(form.getAttribute("action") + "/proposals", { redirect: "error" }).catch(() => null);
    if (answer && answer.ok) {
      const proposals = await answer.json();
      for (const hint of reading()) {
        const one = proposals.find((proposal) => proposal.upload === hint.dataset.reading);
        if (one && one.is_being_read) continue;
        const field = document.getElementById("summary." + hint.dataset.reading);
        delete hint.dataset.reading;
        const isProposed = one && one.summary && field.value === "";
        if (isProposed) field.value = one.summary;
        hint.textContent = isProposed
          ? "Proposed by the system from the document’s own words. Change it if it is not right."
          : "A few words for the chronology: what the document is. 1 to 500 characters.";
      }
    }
    if (reading().length && tries > 1) setTimeout(look, 3000, tries - 1);
  };
  // Three minutes at the most: asking keeps the session.
  setTimeout(look, 2000, 60);
})();

// A page that was put in sideways is turned to be read: here alone, nothing of it changes.
(() => {
  const turn = document.getElementById("turn-page");
  const picture = document.querySelector(".sheet img");
  if (!turn || !picture) return;
  turn.parentElement.hidden = false;
  let quarters = 0;
  turn.addEventListener("click", () => {
    quarters = (quarters + 1) % 4;
    const fits = quarters % 2 ? Math.min(1, picture.clientWidth / picture.clientHeight) : 1;
    picture.style.transform = "rotate(" + quarters * 90 + "deg) scale(" + fits + ")";
    turn.setAttribute("aria-label", "Turn the page: turned by " + quarters * 90 + " degrees");
  });
})();
