// Conversations, kept in localStorage under one key each, so that two tabs do not overwrite each other's.
//
// A conversation holds messages; an assistant's message holds one or more answers (each "answer again" adds one) of
// which one is shown and sent along. Bounds: see `limits`. Past the space that the browser gives, token probabilities
// of the oldest conversations go first, then the oldest conversations; what is on screen is never touched.

import { freshId } from "./dom.js";
import { checkedSettings, freshSettings } from "./parameters.js";

export const limits = {
  conversations: 100,
  messages: 400,
  answers: 8,
  textLength: 400_000,
  tokens: 8192,
  keptLength: 1_500_000,
  importBytes: 20 * 1024 * 1024,
};

const prefix = "prsm.conversation.";
const settingsKey = "prsm.settings";

/**
 * Emits "change" (detail: the conversation's id), "elsewhere" (the same, done in another tab), "gaveUp" when the oldest
 * conversation made room, and "full" when there is no room for what was to be kept.
 */
export class ConversationStore extends EventTarget {
  #byId = new Map();

  constructor() {
    super();
    this.#load();
    addEventListener("storage", (event) => this.#otherTabChanged(event));
  }

  /** Newest first. */
  get all() {
    return [...this.#byId.values()].sort((a, b) => b.updated - a.updated);
  }

  get(id) {
    return this.#byId.get(id) ?? null;
  }

  /** A new conversation with the settings used last. It is stored once it has a message. */
  create() {
    const now = Date.now();
    return { id: freshId(), title: "", created: now, updated: now, settings: this.#lastSettings(), messages: [] };
  }

  /** Keeps the conversation, and its settings as those of the next one. */
  save(conversation, { touch = false } = {}) {
    this.#keep(settingsKey, JSON.stringify(conversation.settings));
    if (conversation.messages.length === 0 && !this.#byId.has(conversation.id)) return;
    if (touch) conversation.updated = Date.now();
    this.#byId.set(conversation.id, conversation);
    for (const old of this.all.slice(limits.conversations)) this.#giveUp(old.id);
    this.#keepConversation(conversation);
    this.#changed(conversation.id);
  }

  remove(id) {
    this.#forget(id);
    this.#changed(id);
  }

  exported() {
    return JSON.stringify({ format: "prsm-conversations", version: 1, conversations: this.all }, null, 1);
  }

  /** Adds the conversations of an exported file and returns how many. Throws an Error that says what is wrong. */
  import(text) {
    let file;
    try {
      file = JSON.parse(text);
    } catch {
      throw new Error("The file is not JSON. Choose one that this page exported.");
    }
    if (file?.format !== "prsm-conversations" || !Array.isArray(file.conversations)) {
      throw new Error("The file holds no PRSM conversations. Choose one that this page exported.");
    }
    const read = file.conversations.slice(0, limits.conversations).map(checkedConversation).filter(Boolean);
    for (const conversation of read) {
      if (this.#byId.has(conversation.id)) conversation.id = freshId();
      this.save(conversation);
    }
    return read.length;
  }

  #load() {
    try {
      for (let index = 0; index < localStorage.length; index += 1) {
        const key = localStorage.key(index);
        if (key?.startsWith(prefix)) this.#read(key);
      }
    } catch {
      // Storage is blocked: conversations last until the page closes.
    }
  }

  #read(key) {
    try {
      const conversation = checkedConversation(JSON.parse(localStorage.getItem(key)));
      if (conversation) this.#byId.set(conversation.id, conversation);
    } catch {
      // Not ours or damaged: left alone.
    }
  }

  #lastSettings() {
    try {
      return checkedSettings(JSON.parse(localStorage.getItem(settingsKey)));
    } catch {
      return freshSettings();
    }
  }

  #otherTabChanged(event) {
    if (!event.key?.startsWith(prefix)) return;
    const id = event.key.slice(prefix.length);
    this.#byId.delete(id);
    if (event.newValue !== null) this.#read(event.key);
    this.dispatchEvent(new CustomEvent("elsewhere", { detail: id }));
  }

  /** One conversation never takes the place of all others: past its share it is kept without token probabilities. */
  #keepConversation(conversation) {
    let text = JSON.stringify(conversation);
    if (text.length > limits.keptLength) {
      text = JSON.stringify(conversation, (name, value) => (name === "tokens" ? [] : value));
    }
    if (text.length > limits.keptLength) this.dispatchEvent(new Event("full"));
    else this.#keep(prefix + conversation.id, text, conversation.id);
  }

  #keep(key, text, owner = null) {
    for (let attempt = 0; attempt <= limits.conversations; attempt += 1) {
      try {
        localStorage.setItem(key, text);
        return;
      } catch (error) {
        if (error.name !== "QuotaExceededError" || !this.#makeRoom(owner)) break;
      }
    }
    this.dispatchEvent(new Event("full"));
  }

  /** Frees some space from the oldest conversation but `owner`. False when there is nothing left to free. */
  #makeRoom(owner) {
    const others = this.all.filter(({ id }) => id !== owner).reverse();
    const heavy = others.find((conversation) => dropTokens(conversation));
    if (heavy) {
      localStorage.removeItem(prefix + heavy.id);
      try {
        localStorage.setItem(prefix + heavy.id, JSON.stringify(heavy));
      } catch {
        this.#forget(heavy.id);
      }
      return true;
    }
    if (others.length === 0) return false;
    this.#giveUp(others[0].id);
    return true;
  }

  #giveUp(id) {
    this.#forget(id);
    this.dispatchEvent(new Event("gaveUp"));
  }

  #forget(id) {
    this.#byId.delete(id);
    try {
      localStorage.removeItem(prefix + id);
    } catch {
      // Storage is blocked: there was nothing to remove.
    }
  }

  #changed(id) {
    this.dispatchEvent(new CustomEvent("change", { detail: id }));
  }
}

function dropTokens(conversation) {
  let dropped = false;
  for (const message of conversation.messages) {
    for (const answer of message.answers ?? []) {
      dropped ||= answer.tokens.length > 0;
      answer.tokens = [];
    }
  }
  return dropped;
}

export function userMessage(text) {
  return { id: freshId(), role: "user", text: text.slice(0, limits.textLength) };
}

export function assistantMessage() {
  return { id: freshId(), role: "assistant", answers: [], shown: 0 };
}

export function freshAnswer(model) {
  return {
    text: "",
    reasoning: "",
    model,
    finish: null,
    failure: null,
    figures: null,
    tokens: [],
    asTokens: false,
    orchestration: null,
  };
}

/** The answer of an assistant's message that is on screen, and part of what the next request sends. */
export function shownAnswer(message) {
  return message.answers[Math.min(message.shown, message.answers.length - 1)] ?? null;
}

/** The messages as the API takes them; answers without any text are left out. */
export function apiMessages(messages) {
  return messages
    .map((message) =>
      message.role === "user"
        ? { role: "user", content: message.text }
        : { role: "assistant", content: shownAnswer(message)?.text ?? "" }
    )
    .filter(({ role, content }) => role === "user" || content !== "");
}

/** The conversation's name: the one it was given, or the start of its first message. */
export function titleOf(conversation) {
  if (conversation.title) return conversation.title;
  const first = conversation.messages.find(({ role }) => role === "user")?.text.trim().replace(/\s+/g, " ");
  if (!first) return "New conversation";
  return first.length > 60 ? `${first.slice(0, 59)}…` : first;
}

function text(value, most = limits.textLength) {
  return typeof value === "string" ? value.slice(0, most) : "";
}

function checkedConversation(value) {
  if (!value || typeof value !== "object" || !Array.isArray(value.messages)) return null;
  const messages = value.messages.slice(0, limits.messages).map(checkedMessage).filter(Boolean);
  if (messages.length === 0) return null;
  return {
    id: /^[a-z0-9]{1,32}$/.test(value.id) ? value.id : freshId(),
    title: text(value.title, 200),
    created: Number.isFinite(value.created) ? value.created : Date.now(),
    updated: Number.isFinite(value.updated) ? value.updated : Date.now(),
    settings: checkedSettings(value.settings),
    messages,
  };
}

function checkedMessage(value) {
  if (value?.role === "user") return { id: freshId(), role: "user", text: text(value.text) };
  if (value?.role !== "assistant" || !Array.isArray(value.answers) || value.answers.length === 0) return null;
  const answers = value.answers.slice(0, limits.answers).map(checkedAnswer);
  const shown = Number.isInteger(value.shown) ? Math.min(Math.max(0, value.shown), answers.length - 1) : 0;
  return { id: freshId(), role: "assistant", answers, shown };
}

function checkedAnswer(value) {
  const answer = freshAnswer(text(value?.model, 200));
  answer.text = text(value?.text);
  answer.reasoning = text(value?.reasoning);
  answer.finish = text(value?.finish, 40) || null;
  answer.orchestration = /^[\w-]{1,64}$/.test(value?.orchestration) ? value.orchestration : null;
  if (value?.failure && typeof value.failure === "object") {
    answer.failure = {
      kind: text(value.failure.kind, 20),
      message: text(value.failure.message, 2000),
      status: null,
      retryAt: null,
      parameter: null,
    };
  }
  if (value?.figures && typeof value.figures === "object") {
    const known = [
      "firstTokenMs",
      "queuedMs",
      "totalMs",
      "tokensPerSecond",
      "promptTokens",
      "completionTokens",
      "cachedTokens",
    ];
    answer.figures = Object.fromEntries(
      known.map((name) => [name, Number.isFinite(value.figures[name]) ? value.figures[name] : null]),
    );
  }
  if (Array.isArray(value?.tokens)) {
    answer.tokens = value.tokens.slice(0, limits.tokens).filter(isToken).map(([token, logprob, top]) => [
      token,
      logprob,
      Array.isArray(top) ? top.slice(0, 20).filter(isToken).map(([t, l]) => [t, l]) : [],
    ]);
  }
  answer.asTokens = value?.asTokens === true && answer.tokens.length > 0;
  return answer;
}

function isToken(value) {
  return Array.isArray(value) && typeof value[0] === "string" && Number.isFinite(value[1]);
}
