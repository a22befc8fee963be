// The conversation on screen and the answers being made: what sending, answering again, editing, deleting and stopping
// do. Draws nothing; it emits "conversation" (another one is shown), "messages" (its list changed), "answer" (detail:
// the message whose answer grew), "ended" (detail: { conversation, message, answer }) and "running".

import { apiMessages, assistantMessage, freshAnswer, limits, shownAnswer, userMessage } from "./conversations.js";
import { Generation } from "./generation.js";
import { requestBody } from "./parameters.js";

const saveEveryMs = 1500;

export class Chat extends EventTarget {
  #generations = new Map();

  constructor(store) {
    super();
    this.store = store;
    this.conversation = store.all[0] ?? store.create();
    addEventListener("pagehide", () => {
      for (const { conversation } of this.#generations.values()) store.save(conversation);
    });
  }

  get running() {
    return this.isRunning(this.conversation.id);
  }

  isRunning(conversationId) {
    return this.#generations.has(conversationId);
  }

  /** The message that is being answered in the conversation on screen, or null. */
  get answering() {
    return this.#generations.get(this.conversation.id)?.message ?? null;
  }

  open(id) {
    const conversation = this.store.get(id);
    if (!conversation || conversation === this.conversation) return;
    this.conversation = conversation;
    this.#emit("conversation");
  }

  begin() {
    const settings = structuredClone(this.conversation.settings);
    this.conversation = { ...this.store.create(), settings };
    this.#emit("conversation");
  }

  /** Removes a conversation, stopping its answer, and returns what brings it back. */
  remove(id) {
    this.#generations.get(id)?.generation.stop();
    const removed = this.store.get(id);
    this.store.remove(id);
    if (this.conversation.id === id) {
      const next = this.store.all[0];
      if (next) this.open(next.id);
      else this.begin();
    }
    return () => {
      if (!removed) return;
      this.store.save(removed);
      this.open(id);
    };
  }

  /** Says `text` and has it answered. */
  send(text) {
    this.conversation.messages.push(userMessage(text));
    this.#answer(this.#appendAssistant());
  }

  /** Whether another question and its answer fit. */
  get hasRoom() {
    return this.conversation.messages.length + 2 <= limits.messages;
  }

  /**
   * Answers again: adds an answer to `message`, or takes the place of one that failed without a word. What followed is
   * cut off; the function returned brings it back.
   */
  again(message) {
    const restore = this.#snapshot();
    const { messages } = this.conversation;
    const index = messages.indexOf(message);
    const target = message.role === "assistant" ? message : messages[index + 1];
    if (target?.role === "assistant") {
      const cut = messages.length > messages.indexOf(target) + 1;
      messages.length = messages.indexOf(target) + 1;
      this.#answer(target);
      return cut ? restore : null;
    }
    messages.length = index + 1;
    this.#answer(this.#appendAssistant());
    return null;
  }

  /** Changes what a message says. A user's message is answered anew, and what followed it is cut off. */
  edit(message, text) {
    const restore = this.#snapshot();
    if (message.role === "assistant") {
      Object.assign(shownAnswer(message), { text, tokens: [], asTokens: false, finish: "edited", failure: null });
      this.#keep();
      return restore;
    }
    const { messages } = this.conversation;
    messages.length = messages.indexOf(message);
    messages.push(userMessage(text));
    this.#answer(this.#appendAssistant());
    return restore;
  }

  /** Deletes one message and returns what brings it back. */
  delete(message) {
    if (this.answering === message) this.stop();
    const restore = this.#snapshot();
    const { messages } = this.conversation;
    messages.splice(messages.indexOf(message), 1);
    this.#keep();
    return restore;
  }

  /** Shows another of the message's answers. */
  show(message, index) {
    message.shown = Math.max(0, Math.min(message.answers.length - 1, index));
    this.#keep();
  }

  stop() {
    this.#generations.get(this.conversation.id)?.generation.stop();
  }

  /** The body that would be sent now: with the draft if there is one, else the one that answers the last question. */
  request(draft) {
    const { messages, settings } = this.conversation;
    if (draft.trim() !== "") return requestBody(settings, [...apiMessages(messages), { role: "user", content: draft }]);
    const last = messages.findLastIndex(({ role }) => role === "user");
    if (last === -1) return requestBody(settings, [{ role: "user", content: "Hello" }]);
    return requestBody(settings, apiMessages(messages.slice(0, last + 1)));
  }

  #appendAssistant() {
    const message = assistantMessage();
    this.conversation.messages.push(message);
    return message;
  }

  #answer(message) {
    this.stop();
    const { conversation } = this;
    const before = conversation.messages.slice(0, conversation.messages.indexOf(message));
    const answer = freshAnswer(conversation.settings.model);
    answer.asTokens = conversation.settings.probabilities;
    message.answers = message.answers.filter(({ text, failure }) => text !== "" || failure === null);
    message.answers.push(answer);
    if (message.answers.length > limits.answers) message.answers.shift();
    message.shown = message.answers.length - 1;
    const generation = new Generation(answer, requestBody(conversation.settings, apiMessages(before)));
    const entry = { generation, message, conversation };
    this.#generations.set(conversation.id, entry);
    let saved = performance.now();
    generation.addEventListener("progress", () => {
      this.#emit("answer", message);
      if (performance.now() - saved < saveEveryMs) return;
      saved = performance.now();
      this.#saveIfKept(conversation);
    });
    generation.addEventListener("end", () => {
      if (this.#generations.get(conversation.id) === entry) this.#generations.delete(conversation.id);
      if (answer.tokens.length === 0) answer.asTokens = false;
      this.#saveIfKept(conversation);
      this.#emit("ended", { conversation, message, answer });
      this.#emit("running");
    });
    this.store.save(conversation, { touch: true });
    this.#emit("messages");
    this.#emit("running");
    generation.run();
  }

  /** A conversation deleted while it was being answered stays deleted. */
  #saveIfKept(conversation) {
    if (this.store.get(conversation.id)) this.store.save(conversation);
  }

  #keep() {
    this.store.save(this.conversation);
    this.#emit("messages");
  }

  #snapshot() {
    const { conversation } = this;
    const messages = structuredClone(conversation.messages);
    return () => {
      this.#generations.get(conversation.id)?.generation.stop();
      conversation.messages = messages;
      this.store.save(conversation);
      if (conversation === this.conversation) this.#emit("messages");
    };
  }

  #emit(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
