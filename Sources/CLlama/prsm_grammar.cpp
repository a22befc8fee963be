#include "prsm_grammar.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <new>

/*
 * llama.cpp follows every way in which a text could match, and for ambiguous grammars there are exponentially many. Each
 * of its steps allocates in proportion to what it copies, so a bound on the allocations bounds the time; it counts bytes
 * and not seconds so that the same request has the same end on every machine.
 */
static thread_local bool isBounded = false;
static thread_local int64_t bytesLeft = 0;

extern "C" void *__real__Znwm(size_t size);

/* `operator new` as llama.cpp calls it, by the linker's --wrap. */
extern "C" void *__wrap__Znwm(size_t size) {
  if (__builtin_expect(isBounded, 0)) {
    /* What an allocation costs besides its bytes. */
    bytesLeft -= static_cast<int64_t>(size) + 128;
    if (bytesLeft < 0) {
      isBounded = false;
      throw std::bad_alloc();
    }
  }
  return __real__Znwm(size);
}

namespace {

constexpr int64_t mebibyte = int64_t{1} << 20;
constexpr int64_t boundOfMake = 1024 * mebibyte;
constexpr int64_t boundOfToken = 256 * mebibyte;
/* For each token of the vocabulary, which each of the ways copies: a thousand plain ways and more. */
constexpr int64_t boundOfMask = 80 << 10;
constexpr int64_t greatestBoundOfMask = 8192 * mebibyte;

/* Runs a step within a bound. */
template <typename Step>
enum prsm_grammar_result bounded(int64_t bound, Step step) {
  isBounded = true;
  bytesLeft = bound;
  enum prsm_grammar_result result;
  try {
    result = step() ? PRSM_GRAMMAR_YES : PRSM_GRAMMAR_NO;
  } catch (const std::bad_alloc &) {
    result = PRSM_GRAMMAR_TOO_COSTLY;
  } catch (...) {
    result = PRSM_GRAMMAR_NO;
  }
  isBounded = false;
  return result;
}

}  // namespace

extern "C" enum prsm_grammar_result prsm_grammar_make(
    const struct llama_vocab *vocabulary, const char *text, struct llama_sampler **grammar) {
  *grammar = nullptr;
  return bounded(boundOfMake, [&] {
    *grammar = llama_sampler_init_grammar(vocabulary, text, "root");
    return *grammar != nullptr;
  });
}

extern "C" enum prsm_grammar_result prsm_grammar_allows(struct llama_sampler *grammar, llama_token token) {
  return bounded(boundOfToken, [&] {
    llama_token_data candidate = {token, 1.0f, 0.0f};
    llama_token_data_array candidates = {&candidate, 1, -1, false};
    llama_sampler_apply(grammar, &candidates);
    return candidates.size == 1 && !std::isinf(candidate.logit);
  });
}

extern "C" enum prsm_grammar_result prsm_grammar_mask(
    struct llama_sampler *grammar, float *logits, int32_t count, struct llama_token_data *scratch) {
  return bounded(std::min(boundOfMask * count, greatestBoundOfMask), [&] {
    for (int32_t token = 0; token < count; token++) scratch[token] = {token, logits[token], 0.0f};
    llama_token_data_array candidates = {scratch, static_cast<size_t>(count), -1, false};
    llama_sampler_apply(grammar, &candidates);
    for (int32_t token = 0; token < count; token++) logits[token] = -INFINITY;
    for (size_t index = 0; index < candidates.size; index++)
      logits[candidates.data[index].id] = candidates.data[index].logit;
    return true;
  });
}

extern "C" enum prsm_grammar_result prsm_grammar_accept(struct llama_sampler *grammar, llama_token token) {
  return bounded(boundOfToken, [&] {
    llama_sampler_accept(grammar, token);
    return true;
  });
}
