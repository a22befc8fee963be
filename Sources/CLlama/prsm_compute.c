#include "prsm_compute.h"

#include <stdlib.h>
#include <string.h>

#include "prsm_kernels.h"

/* What the thread that calls llama_decode is about. ggml plans on that thread, and it is the first of those that compute. */
struct task {
  prsm_weights *weights;
  prsm_cells *cells;
  const int32_t *positions;
  int32_t rows;
};

static _Thread_local const struct task *current;

bool __real_ggml_cpu_extra_compute_forward(struct ggml_compute_params *params, struct ggml_tensor *op);
bool __real_ggml_cpu_extra_work_size(int threads, const struct ggml_tensor *op, size_t *size);
bool __wrap_ggml_cpu_extra_compute_forward(struct ggml_compute_params *params, struct ggml_tensor *op);
bool __wrap_ggml_cpu_extra_work_size(int threads, const struct ggml_tensor *op, size_t *size);

prsm_cells *prsm_cells_make(void) { return calloc(1, sizeof(prsm_cells)); }

void prsm_cells_free(prsm_cells *cells) {
  if (!cells) return;
  for (struct prsm_positions *table = cells->first; table;) {
    struct prsm_positions *next = table->next;
    free(table);
    table = next;
  }
  free(cells);
}

int32_t prsm_decode(struct llama_context *context, struct llama_batch batch, prsm_weights *weights, prsm_cells *cells) {
  const struct task task = {weights, cells, batch.pos, batch.n_tokens};
  current = &task;
  const int32_t result = llama_decode(context, batch);
  current = NULL;
  return result;
}

enum ggml_status prsm_compute(ggml_backend_t backend, struct ggml_cgraph *graph, prsm_weights *weights) {
  const struct task task = {weights, NULL, NULL, 0};
  current = &task;
  const enum ggml_status result = ggml_backend_graph_compute(backend, graph);
  current = NULL;
  return result;
}

static struct ggml_tensor *root_of(const struct ggml_tensor *part) {
  while (part && part->view_src) part = part->view_src;
  return (struct ggml_tensor *)part;
}

static bool is_key_cache(const struct ggml_tensor *root) { return strncmp(root->name, "cache_k", 7) == 0; }

struct prsm_positions *prsm_positions_of(const struct ggml_tensor *part) {
  const struct ggml_tensor *root = root_of(part);
  if (!root || !root->extra || !is_key_cache(root)) return NULL;
  struct prsm_positions *table = root->extra;
  return table->kind == PRSM_POSITIONS ? table : NULL;
}

/* A table for a cache that is about to be written, all of it unknown. */
static void plan_positions(prsm_cells *cells, const struct ggml_tensor *write) {
  struct ggml_tensor *root = root_of(write);
  if (!root || root->extra || !is_key_cache(root) || root->ne[2] != 1) return;
  const int64_t count = root->ne[1];
  struct prsm_positions *table = malloc(sizeof *table + (size_t)count * sizeof(int32_t));
  if (!table) return;
  table->kind = PRSM_POSITIONS;
  table->count = count;
  table->next = cells->first;
  for (int64_t cell = 0; cell < count; cell++) table->values[cell] = -1;
  cells->first = table;
  root->extra = table;
}

/* Notes where in the cache the rows of the batch are written. */
static void note_positions(const struct ggml_tensor *write) {
  struct prsm_positions *table = prsm_positions_of(write);
  const struct ggml_tensor *places = write->src[1];
  if (!table || !places || places->type != GGML_TYPE_I64) return;
  const bool is_known = current && current->positions && current->rows == places->ne[0];
  const int64_t *cells = places->data;
  for (int64_t row = 0; row < places->ne[0]; row++)
    if (cells[row] >= 0 && cells[row] < table->count)
      table->values[cells[row]] = is_known ? current->positions[row] : -1;
}

/* Called for each operation before the threads start. */
bool __wrap_ggml_cpu_extra_work_size(int threads, const struct ggml_tensor *op, size_t *size) {
  struct ggml_tensor *own = (struct ggml_tensor *)op;
  switch (op->op) {
  case GGML_OP_MUL_MAT:
    if (current && current->weights) prsm_pack(current->weights, own);
    if (!prsm_multiplies(op)) break;
    *size = prsm_multiply_size(threads, op);
    return true;
  case GGML_OP_FLASH_ATTN_EXT:
    if (!prsm_attends(op)) break;
    *size = prsm_attend_size(threads, op);
    return true;
  case GGML_OP_SET_ROWS:
    if (current && current->cells) plan_positions(current->cells, op);
    break;
  default: break;
  }
  return __real_ggml_cpu_extra_work_size(threads, op, size);
}

/* Called by each thread for each operation. */
bool __wrap_ggml_cpu_extra_compute_forward(struct ggml_compute_params *params, struct ggml_tensor *op) {
  params->use_ref = false;
  switch (op->op) {
  case GGML_OP_MUL_MAT:
    if (prsm_multiplies(op)) {
      prsm_multiply(params, op);
      return true;
    }
    break;
  case GGML_OP_FLASH_ATTN_EXT:
    if (prsm_attends(op)) {
      prsm_attend(params, op);
      return true;
    }
    break;
  case GGML_OP_SET_ROWS:
    if (params->ith == 0) note_positions(op);
    break;
  default: break;
  }
  if (__real_ggml_cpu_extra_compute_forward(params, op)) return true;
  /* Of ggml's ways to compute a product or attention, the reference is the one that takes each row by itself; the others are
     chosen by the number of rows, and differ in the last bits. */
  params->use_ref = op->op == GGML_OP_MUL_MAT || op->op == GGML_OP_MUL_MAT_ID || op->op == GGML_OP_FLASH_ATTN_EXT;
  return false;
}
