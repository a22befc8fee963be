// The playground's front door: makes the parts and connects them.

import { apiKey, listModels } from "./api.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { ConversationStore, shownAnswer, titleOf } from "./conversations.js";
import { attachDialogs, attachKeyDialog, attachShortcuts } from "./dialogs.js";
import { byId, element } from "./dom.js";
import { Drawers } from "./drawers.js";
import { failureSentence } from "./failures.js";
import { plainFailure } from "./generation.js";
import { icon } from "./icons.js";
import { attachKeyboard } from "./keyboard.js";
import { spokenMarkdown } from "./markdown.js";
import { announce, toast } from "./notices.js";
import { showNavigation } from "./pages.js";
import { Panel } from "./panel.js";
import { settingsProblem } from "./parameters.js";
import { ScrollKeeper } from "./scroll.js";
import { Sidebar } from "./sidebar.js";
import { attachSnippets } from "./snippet-dialog.js";
import { attachTheme } from "./theme.js";
import { Transcript } from "./transcript.js";
import { drawWelcome, modelFacts } from "./welcome.js";

const store = new ConversationStore();
const chat = new Chat(store);
const drawers = new Drawers();
const scroll = new ScrollKeeper(byId("scroller"), byId("to-end"));
const composer = new Composer({ send, stop: () => chat.stop() });
const panel = new Panel(byId("parameters-form"), () => store.save(chat.conversation));
const sidebar = new Sidebar(chat, () => {
  if (!drawers.closeOver()) byId("draft").focus();
});
const transcript = new Transcript(byId("transcript"), {
  announce,
  again: (message) => offerUndo(checked(() => chat.again(message)), "Later messages were cut off"),
  edit: (message, text) => offerUndo(checked(() => chat.edit(message, text)), "Message changed"),
  remove: (message) => offerUndo(chat.delete(message), "Message deleted"),
  show: (message, index) => chat.show(message, index),
  view: showAsTokens,
  key: (message) => openKey(() => chat.again(message)),
  parameter: showParameter,
});
let models = [];
let modelsFailure = null;

attachDialogs();
showNavigation(byId("pages"), "chat");
dressButtons();
const openKey = attachKeyDialog((key) => {
  announce(key ? "Key kept for this tab" : "Key forgotten");
  loadModels();
});
const openSnippets = attachSnippets(() => chat.request(composer.text));
byId("open-snippets").addEventListener("click", openSnippets);
byId("open-key").addEventListener("click", () => openKey());
byId("new-conversation").addEventListener("click", begin);
byId("model").addEventListener("change", (event) => chooseModel(event.target.value));
const keyboard = attachKeyboard({
  begin,
  focus: () => byId("draft").focus(),
  parameters: () => drawers.toggle("parameters"),
  conversations: () => drawers.toggle("conversations"),
  snippets: openSnippets,
  again: answerLastAgain,
  tokens: () => showAsTokens(chat.conversation.messages.findLast(({ role }) => role === "assistant")),
  theme: attachTheme(byId("theme"), announce),
  stop: stopOrClose,
  shortcuts: () => openShortcuts(),
});
const openShortcuts = attachShortcuts(keyboard);
byId("open-shortcuts").addEventListener("click", openShortcuts);
composer.onEditLast = () => {
  const last = chat.conversation.messages.findLast(({ role }) => role === "user");
  if (last) transcript.beginEdit(last);
};

store.addEventListener("change", () => {
  sidebar.draw();
  showTitle();
});
store.addEventListener("elsewhere", ({ detail }) => {
  if (detail === chat.conversation.id && !chat.running && store.get(detail)) {
    chat.conversation = store.get(detail);
    showConversation();
  } else {
    sidebar.draw();
  }
});
store.addEventListener(
  "full",
  () => toast("The browser's storage is full. Export and delete conversations to keep new ones."),
);
store.addEventListener("gaveUp", () => toast("The oldest conversation made room for this one."));
chat.addEventListener("conversation", () => showConversation(true));
chat.addEventListener("messages", showMessages);
chat.addEventListener("answer", ({ detail }) => {
  transcript.grow(detail);
});
chat.addEventListener("running", () => {
  composer.setRunning(chat.running);
  sidebar.draw();
});
chat.addEventListener("ended", ({ detail }) => {
  const here = detail.conversation === chat.conversation;
  const model = models.find(({ id }) => id === detail.answer.model);
  if (model?.loaded === false && detail.answer.text !== "") model.loaded = true;
  if (here) {
    transcript.finish(detail.message);
    showModel();
  }
  sayEnd(detail, here);
  if (detail.answer.failure?.kind === "key" && !apiKey()) openKey(here ? () => chat.again(detail.message) : null);
});

showConversation();
loadModels();
if (matchMedia("(min-width: 1100px)").matches) byId("draft").focus();

function dressButtons() {
  const dress = (id, iconName, label) => {
    byId(id).append(icon(iconName), ...(label ? [element("span", {}, label)] : []));
  };
  dress("toggle-conversations", "list");
  byId("toggle-conversations").setAttribute("aria-label", "Conversations");
  byId("toggle-conversations").title = "Conversations";
  dress("open-snippets", "code", "As code");
  dress("toggle-parameters", "tune", "Parameters");
  dress("close-parameters", "close");
  dress("new-conversation", "add", "New conversation");
  dress("open-key", "key", "API key");
  dress("export", "download", "Export");
  dress("import", "upload", "Import");
  dress("open-shortcuts", "keyboard", "Keyboard");
  dress("send", "send");
  dress("stop", "stop");
  dress("to-end", "down", "Latest");
}

async function loadModels() {
  const select = byId("model");
  try {
    models = await listModels();
    modelsFailure = null;
  } catch (error) {
    models = [];
    modelsFailure = plainFailure(error);
    announce(failureSentence(modelsFailure));
    if (modelsFailure.kind === "key" && !apiKey()) openKey();
  }
  const names = models.map(({ id }) => element("option", { value: id }, id));
  select.replaceChildren(...(names.length > 0 ? names : [element("option", {}, "No models")]));
  select.disabled = models.length === 0;
  showWelcome();
  showModel();
}

function showWelcome() {
  if (byId("welcome").hidden) return;
  drawWelcome(currentModel() ?? models[0] ?? null, modelsFailure, {
    begin: send,
    again: loadModels,
    key: () => openKey(),
  });
}

function currentModel() {
  return models.find(({ id }) => id === chat.conversation.settings.model) ?? null;
}

function showModel() {
  const { settings } = chat.conversation;
  if (!currentModel() && models.length > 0) settings.model = (models.find(({ loaded }) => loaded) ?? models[0]).id;
  if (settings.model) byId("model").value = settings.model;
  byId("model").title = settings.model;
  const facts = currentModel() ? modelFacts(currentModel()) : "";
  byId("model-facts").hidden = facts === "";
  byId("model-facts").textContent = facts;
  if (models.length > 0) showWelcome();
  showContext();
}

function chooseModel(id) {
  chat.conversation.settings.model = id;
  store.save(chat.conversation);
  showModel();
  announce(`Model ${id}`);
}

function showConversation(moved = false) {
  panel.show(chat.conversation.settings);
  showModel();
  showMessages();
  composer.setRunning(chat.running);
  sidebar.draw();
  if (moved) scroll.toEnd();
}

function showMessages() {
  const { messages } = chat.conversation;
  showTitle();
  byId("welcome").hidden = messages.length > 0;
  if (models.length > 0 || modelsFailure) showWelcome();
  transcript.draw(messages, chat.answering);
  showContext();
}

function showTitle() {
  const title = titleOf(chat.conversation);
  document.title = chat.conversation.messages.length === 0 ? "PRSM" : `${title} – PRSM`;
  byId("chat-title").textContent = title;
}

/** How much of the model's context the conversation fills, by the last answer's count. */
function showContext() {
  const place = byId("context");
  const last = chat.conversation.messages.findLast(({ role }) => role === "assistant");
  const figures = last && shownAnswer(last)?.figures;
  const used = (figures?.promptTokens ?? 0) + (figures?.completionTokens ?? 0);
  const most = currentModel()?.contextLength;
  place.hidden = !most || !figures?.promptTokens;
  if (place.hidden) return;
  const meter = element("meter", { min: 0, max: most, high: most * 0.9, value: used, "aria-label": "Context used" });
  place.replaceChildren(meter, `${used.toLocaleString("en")} of ${most.toLocaleString("en")} tokens`);
}

function begin() {
  if (chat.conversation.messages.length > 0) chat.begin();
  drawers.closeOver();
  byId("draft").focus();
}

/** Runs `action` unless the settings cannot be sent; then shows where. */
function checked(action) {
  const problem = settingsProblem(chat.conversation.settings);
  if (!problem) {
    scroll.follow();
    return action();
  }
  toast(problem.message);
  showParameter(problem.field);
  return null;
}

function send(text) {
  if (!chat.conversation.settings.model) {
    toast("There is no model to send this to", { label: "Look again", press: loadModels });
    return false;
  }
  if (!chat.hasRoom) {
    toast("This conversation is full. Begin a new one.");
    return false;
  }
  let sent = false;
  checked(() => {
    chat.send(text);
    sent = true;
  });
  if (sent) announce("Sent. The model is answering.");
  return sent;
}

function answerLastAgain() {
  const last = chat.conversation.messages.at(-1);
  if (last && !chat.running) checked(() => chat.again(last));
}

function showAsTokens(message) {
  const answer = message && shownAnswer(message);
  if (!answer || answer.tokens.length === 0) {
    toast("This answer came without token probabilities. Turn them on under Parameters and answer again.");
    return;
  }
  answer.asTokens = !answer.asTokens;
  store.save(chat.conversation);
  transcript.finish(message);
}

function showParameter(name) {
  drawers.set("parameters", true);
  panel.focus(name);
}

function stopOrClose() {
  if (drawers.closeOver() || !chat.running) return;
  chat.stop();
  byId("draft").focus();
}

function offerUndo(restore, what) {
  if (restore) toast(what, { label: "Undo", press: restore });
}

function sayEnd({ conversation, answer }, here) {
  const where = here ? "" : `In ${titleOf(conversation)}: `;
  if (answer.failure) announce(where + failureSentence(answer.failure));
  else if (answer.finish === "stopped") announce(`${where}Stopped.`);
  else announce(`${where}Answer: ${spokenMarkdown(answer.text)}`);
}
