
"use strict";

// One request from the form of one operation, and what came back. Nothing here makes markup out of text.
function ask(form) {
  const said = name => form.querySelector(`[data-is="${name}"]`);
  const value = name => said(name) ? said(name).value : "";
  const headers = {};
  let path = form.dataset.path;
  for (const input of form.querySelectorAll("[data-parameter]")) {
    path = path.replace(`{${input.dataset.parameter}}`, encodeURIComponent(input.value));
  }
  if (value("type")) headers["Content-Type"] = value("type");
  if (value("accept")) headers["Accept"] = value("accept");
  if (value("token")) headers["Authorization"] = `Bearer ${value("token")}`;
  const body = said("body") ? value("body") : undefined;
  const answer = said("answer");
  const show = (line, fields, text, failed) => {
    answer.hidden = false;
    answer.classList.toggle("failed", failed);
    said("line").textContent = line;
    said("headers").textContent = fields;
    said("text").textContent = text;
  };
  said("send").disabled = true;
  const started = performance.now();
  fetch(path, { method: form.dataset.method, headers, body, credentials: "same-origin", redirect: "manual" })
    .then(async response => {
      const bytes = await response.arrayBuffer();
      const took = (performance.now() - started).toFixed(1);
      const type = response.headers.get("Content-Type") || "";
      const fields = [...response.headers].map(([name, text]) => `${name}: ${text}`).join("\n");
      show(`${response.status} ${response.statusText}, ${took} ms`, fields, readable(bytes, type), !response.ok);
    })
    .catch(error => show("no answer", "", String(error), true))
    .finally(() => { said("send").disabled = false; });
}

function readable(bytes, type) {
  if (type.includes("arrow") || type.includes("octet-stream")) return `${bytes.byteLength} bytes`;
  const text = new TextDecoder().decode(bytes);
  if (!type.includes("json") || type.includes("ndjson")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const form of document.querySelectorAll(".ask")) {
  form.hidden = false;
  const send = form.querySelector('[data-is="send"]');
  send.addEventListener("click", () => ask(form));
  const type = form.querySelector('[data-is="type"]');
  if (type) {
    type.addEventListener("change", () => {
      form.querySelector('[data-is="body"]').value = type.selectedOptions[0].dataset.example;
    });
  }
}
