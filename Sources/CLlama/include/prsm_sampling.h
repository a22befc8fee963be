#ifndef PRSM_SAMPLING_H
#define PRSM_SAMPLING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The loops over a whole vocabulary, which the compiler turns into vector instructions. */

/* A token with its logit. */
typedef struct prsm_candidate {
  float logit;
  int32_t token;
} prsm_candidate;

/* The filters in the order in which they apply; see SamplingParameters. */
typedef struct prsm_filters {
  int32_t top_k;
  float typical_p;
  float top_p;
  float min_p;
  float temperature;
} prsm_filters;

/* The index of the greatest logit, the first of equals; -1 where all are NaN or negative infinity. */
int32_t prsm_argmax(const float *logits, int32_t count);

/* ln(sum(exp(logits))); NaN where nothing is finite. */
float prsm_log_sum_exp(const float *logits, int32_t count);

/* The `wanted` greatest logits, greatest first, the lower token of equals first. Returns how many there are. */
int32_t prsm_greatest(const float *logits, int32_t count, int32_t wanted, prsm_candidate *result);

/*
 * Draws a token. `scratch` has room for `count` candidates; `uniform` is in 0..<1.
 * Returns -1 where no token has a finite logit.
 */
int32_t prsm_draw(
    const float *logits, int32_t count, const prsm_filters *filters, double uniform, prsm_candidate *scratch);

/*
 * The likeliest token under P * ((Q + floor) / (P + floor))^gamma, the lower of equals; -1 where no logit is finite.
 * `logprob` takes ln P of it, `divergence` half the sum over |P - Q|.
 */
int32_t prsm_guided(
    const float *plain, const float *conditional, int32_t count, float gamma, float floor, float *logprob,
    float *divergence);

#ifdef __cplusplus
}
#endif

#endif
