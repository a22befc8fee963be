#include "prsm_grammar.h"

#include <cmath>

extern "C" struct llama_sampler *prsm_grammar_make(const struct llama_vocab *vocabulary, const char *text) {
  try {
    return llama_sampler_init_grammar(vocabulary, text, "root");
  } catch (...) {
    return nullptr;
  }
}

extern "C" bool prsm_grammar_allows(struct llama_sampler *grammar, llama_token token) {
  try {
    llama_token_data candidate = {token, 1.0f, 0.0f};
    llama_token_data_array candidates = {&candidate, 1, -1, false};
    llama_sampler_apply(grammar, &candidates);
    return candidates.size == 1 && !std::isinf(candidate.logit);
  } catch (...) {
    return false;
  }
}

extern "C" bool prsm_grammar_mask(
    struct llama_sampler *grammar, float *logits, int32_t count, struct llama_token_data *scratch) {
  try {
    for (int32_t token = 0; token < count; token++) scratch[token] = {token, logits[token], 0.0f};
    llama_token_data_array candidates = {scratch, static_cast<size_t>(count), -1, false};
    llama_sampler_apply(grammar, &candidates);
    for (int32_t token = 0; token < count; token++) logits[token] = -INFINITY;
    for (size_t index = 0; index < candidates.size; index++)
      logits[candidates.data[index].id] = candidates.data[index].logit;
    return true;
  } catch (...) {
    return false;
  }
}

extern "C" bool prsm_grammar_accept(struct llama_sampler *grammar, llama_token token) {
  try {
    llama_sampler_accept(grammar, token);
    return true;
  } catch (...) {
    return false;
  }
}
