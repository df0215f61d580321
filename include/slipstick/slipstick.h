/* Everything at once. Each header may also be included alone. */
#ifndef SLIPSTICK_SLIPSTICK_H
#define SLIPSTICK_SLIPSTICK_H

#include <slipstick/catalog.h>
#include <slipstick/error.h>
#include <slipstick/model.h>

#define SLIPSTICK_VERSION "0.1.0"

#endif
