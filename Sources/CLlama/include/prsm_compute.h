#ifndef PRSM_COMPUTE_H
#define PRSM_COMPUTE_H

#include <ggml-backend.h>
#include <llama.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Kernels of the program's own in place of some of ggml's (the linker's --wrap in Package.swift): products with quantized
 * weights, and attention. Each row of a batch comes out the same to the last bit whatever the other rows, the number of
 * threads and the places in the cache.
 */

/* Whether this processor has what the kernels of products use. */
bool prsm_has_kernels(void);

/* A model's weights in the order in which the kernels read them; made as they are first used. */
typedef struct prsm_weights prsm_weights;

prsm_weights *prsm_weights_make(void);

/* After the model itself is freed. */
void prsm_weights_free(prsm_weights *weights);

/* The position of each cell of a context's cache. */
typedef struct prsm_cells prsm_cells;

prsm_cells *prsm_cells_make(void);

/* After the context itself is freed. */
void prsm_cells_free(prsm_cells *cells);

/*
 * llama_decode with the kernels of this file. `weights` is that of the context's model; contexts on several threads may
 * share it. `cells` is the context's own; NULL where no cache is read that an earlier call has written.
 */
int32_t prsm_decode(struct llama_context *context, struct llama_batch batch, prsm_weights *weights, prsm_cells *cells);

/* The same of ggml_backend_graph_compute. */
enum ggml_status prsm_compute(ggml_backend_t backend, struct ggml_cgraph *graph, prsm_weights *weights);

#ifdef __cplusplus
}
#endif

#endif
