/* Random scenario files over the whole grammar, each with a supply file of its own, and the dice that make them. */
#ifndef SLIP_TESTS_RANDOM_FILES_H
#define SLIP_TESTS_RANDOM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- dice: the same throws for the same number ---- */

void dice_take(uint32_t number);
int dice_below(int n); /* 0 to n - 1 */
bool dice_maybe(double chance);
const char *dice_one_of(const char *const *words, int n);
#define DICE_ONE_OF(words) dice_one_of((words), (int)(sizeof(words) / sizeof *(words)))

/* ---- files ---- */

enum { PAGE_MAX = 1 << 16 };

typedef struct random_page {
  char text[PAGE_MAX];
  size_t n;
} random_page;

/* A file while it is written: its body and the inputs that the body refers to, which come after it. */
typedef struct random_draft {
  random_page body, inputs;
  char prefix; /* of the ids of its inputs: those of both files are joined */
  int n_inputs;
} random_draft;

/* Both files of one number; the scenario names its supply file by that path. Their text is in `body`. */
void random_files(uint32_t number, const char *supply_path, random_draft *supply, random_draft *scenario);

#endif
