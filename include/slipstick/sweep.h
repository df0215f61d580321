/* A grid of jobs: every combination of models, systems, chip counts, lengths, objectives and catalog numbers, one row each.
 *
 * The file is YAML. A key holds one value, a list, or a range; every list and range is an axis, and the points are their
 * product in the order of the file, the last axis fastest:
 *
 *   job: train                          # or serve
 *   model: [deepseek-v3, qwen3-235b-a22b]
 *   system: hgx-h800
 *   chips: [256, 512, 1024]
 *   dtype: [bf16, fp8]
 *   set:                                # numbers of the catalog
 *     - {chip: h800, field: memory_tbs, times: {from: 1, to: 2, points: 5}}
 *     - {system: hgx-h800, field: scale-out.gbs, to: [25, 50]}
 *     - {region: us-average, field: usd_per_kwh, to: [0.05, 0.10], name: power}
 *
 * Keys of both jobs: model system stack region chips plan no_mtp. train: seq batch dtype. serve: isl osl ttft tpot prefix_hit
 * weights kv batch operation (aggregated, disaggregated, either) decode_system. `set`: one of chip, system, kernels, stack, region with a name; `field`
 * as `show` names it; `to` in the file's unit, or `times` the published value; `name` of the column. A range is from, to and
 * points, and `scale: log` for a geometric one.
 * A job without a plan takes the best one. */
#ifndef SLIPSTICK_SWEEP_H
#define SLIPSTICK_SWEEP_H

#include <slipstick/econ.h>
#include <slipstick/search.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slip_grid slip_grid;

/* Reads and checks the whole file: every name, every value, every catalog number of every axis. The catalog must outlive it.
 * SLIP_BAD_INPUT with file, line and field; SLIP_IO_FAILURE; SLIP_NO_MEMORY. At most 10 million points. */
slip_status slip_grid_read(const slip_catalog *catalog, const char *path, slip_grid **out, slip_error *err);
/* The same from memory; `name` stands for the path in errors. */
slip_status slip_grid_parse(const slip_catalog *catalog, const char *name, const char *bytes, size_t n,
                            slip_grid **out, slip_error *err);
void slip_grid_free(slip_grid *sweep); /* NULL is allowed */

int64_t slip_grid_points(const slip_grid *sweep);
/* What rows depend on beside the point: the file's text, and a hash of every number of the catalog and of this version. Rows of
 * sweeps that differ in either do not belong together. */
const char *slip_grid_text(const slip_grid *sweep);
uint64_t slip_grid_fingerprint(const slip_grid *sweep);

/* ---- rows ---- */

typedef enum slip_cell_type { SLIP_CELL_NULL, SLIP_CELL_INTEGER, SLIP_CELL_REAL, SLIP_CELL_TEXT } slip_cell_type;

enum { SLIP_CELL_TEXT_SIZE = 512, SLIP_MAX_COLUMNS = 64 };

typedef struct slip_cell {
  slip_cell_type type;
  int64_t integer;
  double real;
  char text[SLIP_CELL_TEXT_SIZE]; /* cut when longer */
} slip_cell;

typedef struct slip_column {
  char name[64];       /* lower case, digits, '_'; unique */
  slip_cell_type type; /* of its cells that are not null */
} slip_column;

/* point (its number, from 0), the axes and the fixed values of the job, status and why, then the results. */
int slip_grid_columns(const slip_grid *sweep, const slip_column **out);
/* Computes one point into cells[columns]. A job without an answer (nothing fits, a number not published) is a row as well: its
 * status says so. The row depends on nothing but the sweep and the point. SLIP_INTERRUPTED when `stop` was raised: then there is no row.
 * SLIP_NO_MEMORY. Re-entrant. */
slip_status slip_grid_point(const slip_grid *sweep, int64_t point, const volatile int *stop, slip_cell *cells,
                            slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
