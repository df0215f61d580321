/* Catalog entries for people and programs: what `list` and `show` say of a chip, system, model, stack, kernel
 * profile or region. */
#ifndef SLIP_REPORT_ENTRY_H
#define SLIP_REPORT_ENTRY_H

#include "base/json.h"
#include "report/table.h"
#include <slipstick/catalog.h>
#include <slipstick/model.h>

/* The entry as what it is; entry is the first member of each. The entry must be of that kind. */
const slip_chip *slip_entry_chip(const slip_entry *entry);
const slip_kernels *slip_entry_kernels(const slip_entry *entry);
const slip_system *slip_entry_system(const slip_entry *entry);
const slip_stack *slip_entry_stack(const slip_entry *entry);
const slip_model *slip_entry_model(const slip_entry *entry);
const slip_region *slip_entry_region(const slip_entry *entry);

/* "671 B parameters, 37.6 B active, MLA, 256 experts, MTP 1" */
void slip_report_model_line(const slip_model *model, slip_text *out);
/* "MLA", "GQA 64/8, window 4096", ... of one kind of layer, and "MoE 8 of 256 x 2048, shared 2048". */
void slip_report_attention(const slip_attention *attention, slip_text *out);
void slip_report_ffn(const slip_ffn *ffn, slip_text *out);

/* All entries of a kind as a table, or as a JSON array under `key`. */
void slip_report_list(const slip_catalog *catalog, slip_kind kind, const slip_style *style, slip_text *out);
void slip_json_list(slip_json *json, const char *key, const slip_catalog *catalog, slip_kind kind);

/* One entry with every number, its unit, source, date, confidence and note, conflicting values under it, and the
 * fields that have no published value. */
void slip_report_show(const slip_entry *entry, const slip_style *style, slip_text *out);
/* The same inside an object that is open. */
void slip_json_show(slip_json *json, const slip_entry *entry);

#endif
