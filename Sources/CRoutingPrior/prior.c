#include "CRoutingPrior.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char prior[] = {
#embed "prior.prsm"
};

const unsigned char *routing_prior_bytes(void) { return prior; }

size_t routing_prior_length(void) { return sizeof prior; }
