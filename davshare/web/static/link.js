// What forms do without script, with progress, folders and dropping.  Nothing is loaded from elsewhere.
"use strict";
(() => {
  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const find = (name) => form.querySelector(`[data-${name}]`);
  const files = form.querySelector("#file");
  const folder = form.querySelector("#folder");
  const bar = form.querySelector("progress");
  const button = form.querySelector("button");
  const status = find("status");
  const list = find("list");
  let receipt = "";
  let busy = false;

  find("hint").hidden = false;
  if ("webkitdirectory" in folder) find("folder").hidden = false;

  const say = (text) => { status.textContent = text; };
  const note = (text) => {
    const line = document.createElement("li");
    line.textContent = text;
    list.append(line);
  };

  // One file in one request, so that each has its own place and the rest goes on when one fails.
  const send = (file, path, before, total) => new Promise((resolve, reject) => {
    const data = new FormData();
    if (receipt) data.append("receipt", receipt);
    data.append("path", path);
    data.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) bar.value = total ? 100 * Math.min(1, (before + event.loaded) / total) : 100;
    };
    request.onerror = () => reject(new Error("The connection was lost."));
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* not ours */ }
      if (request.status === 201) resolve(answer);
      else reject(new Error(answer.detail || "This did not work."));
    };
    request.send(data);
  });

  const upload = async (chosen) => {
    if (busy) return;
    find("progress").hidden = false;
    list.replaceChildren();
    bar.value = 0;
    if (!chosen.length) {
      say("Choose a file first.");
      return;
    }
    busy = button.disabled = true;
    const total = chosen.reduce((sum, [file]) => sum + file.size, 0);
    let sent = 0, done = 0, last = null;
    for (const [file, path] of chosen) {
      say(`Sending ${path} (${done + 1} of ${chosen.length})`);
      try {
        last = await send(file, path, sent, total);
        receipt = last.secret;
        done += 1;
      } catch (error) {
        note(`${path}: ${error.message}`);
      }
      sent += file.size;
    }
    bar.value = 100;
    busy = button.disabled = false;
    form.reset();
    const failed = chosen.length - done;
    say(failed ? `${done} sent, ${failed} not.` : `${done} sent.`);
    if (!last) return;
    if (form.dataset.drop === undefined && !failed) {
      location.reload();
      return;
    }
    const line = document.createElement("li");
    const link = document.createElement("a");
    link.href = last.receipt;
    link.textContent = "Your receipt";
    line.append(link);
    list.prepend(line);
    link.focus();
  };

  const picked = () => [...files.files, ...folder.files].map((file) => [file, file.webkitRelativePath || file.name]);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    upload(picked());
  });

  // Folders that are dropped are entries; each gives at most 100 members at a time.
  const members = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  const collect = async (entry, found) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push([file, entry.fullPath.replace(/^\//, "")]);
      return;
    }
    const reader = entry.createReader();
    for (let some = await members(reader); some.length; some = await members(reader)) {
      for (const each of some) await collect(each, found);
    }
  };

  let depth = 0;
  const holds = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  addEventListener("dragenter", (event) => {
    if (holds(event)) { depth += 1; document.body.classList.add("dragging"); }
  });
  addEventListener("dragleave", (event) => {
    if (holds(event) && --depth <= 0) { depth = 0; document.body.classList.remove("dragging"); }
  });
  addEventListener("dragover", (event) => { if (holds(event)) event.preventDefault(); });
  addEventListener("drop", async (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dragging");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const plain = [...event.dataTransfer.files];
    const found = [];
    if (entries.length && entries.every(Boolean)) {
      for (const entry of entries) await collect(entry, found);
    } else {
      found.push(...plain.map((file) => [file, file.name]));
    }
    await upload(found);
  });
})();
