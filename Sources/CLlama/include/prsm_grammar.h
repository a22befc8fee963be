#ifndef PRSM_GRAMMAR_H
#define PRSM_GRAMMAR_H

#include <llama.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * llama.cpp's grammar sampler throws C++ exceptions, which must not reach Swift: here they become results.
 */

/* A grammar in GBNF whose start symbol is `root`; NULL where it cannot be parsed. Freed by llama_sampler_free. */
struct llama_sampler *prsm_grammar_make(const struct llama_vocab *vocabulary, const char *text);

/* Whether the token may come next. */
bool prsm_grammar_allows(struct llama_sampler *grammar, llama_token token);

/* Sets the logits of all tokens that may not come next to negative infinity. `scratch` has room for `count`. */
bool prsm_grammar_mask(
    struct llama_sampler *grammar, float *logits, int32_t count, struct llama_token_data *scratch);

/* Moves past the token; false where the grammar does not allow it. */
bool prsm_grammar_accept(struct llama_sampler *grammar, llama_token token);

#ifdef __cplusplus
}
#endif

#endif
