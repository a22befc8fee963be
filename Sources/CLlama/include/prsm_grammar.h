#ifndef PRSM_GRAMMAR_H
#define PRSM_GRAMMAR_H

#include <llama.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * llama.cpp's grammar sampler throws C++ exceptions, which must not reach Swift, and can take longer than anyone lives:
 * here both become results. A grammar that was too costly once is only to be freed.
 */
enum prsm_grammar_result { PRSM_GRAMMAR_NO, PRSM_GRAMMAR_YES, PRSM_GRAMMAR_TOO_COSTLY };

/* A grammar in GBNF whose start symbol is `root`; NO where it cannot be parsed. Freed by llama_sampler_free. */
enum prsm_grammar_result prsm_grammar_make(
    const struct llama_vocab *vocabulary, const char *text, struct llama_sampler **grammar);

/* Whether the token may come next. */
enum prsm_grammar_result prsm_grammar_allows(struct llama_sampler *grammar, llama_token token);

/* Sets the logits of all tokens that may not come next to negative infinity. `scratch` has room for `count`. */
enum prsm_grammar_result prsm_grammar_mask(
    struct llama_sampler *grammar, float *logits, int32_t count, struct llama_token_data *scratch);

/* Moves past the token; NO where the grammar does not allow it. */
enum prsm_grammar_result prsm_grammar_accept(struct llama_sampler *grammar, llama_token token);

#ifdef __cplusplus
}
#endif

#endif
