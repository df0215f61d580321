/* Status codes and the error record that every fallible call of the library fills.
 *
 * Convention: `slip_status f(inputs..., outputs..., slip_error *err)`. The result is SLIP_OK, or a code, and then
 * `*err` (when err is not NULL) holds the message and the place. Outputs are untouched after a failure unless the
 * function says otherwise. The library never prints, never exits and keeps no global state. */
#ifndef SLIPSTICK_ERROR_H
#define SLIPSTICK_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slip_status {
  SLIP_OK = 0,
  SLIP_BAD_INPUT,   /* the caller's input is wrong: syntax, type, range, unknown name */
  SLIP_MISSING,     /* a value that the answer needs is not published; the field is named */
  SLIP_UNSUPPORTED, /* a feature of the input is not modelled; it is named, never guessed */
  SLIP_INFEASIBLE,  /* well-formed, but no plan (or not this plan) can do it; the reason is named */
  SLIP_IO_FAILURE,  /* a file could not be read or written */
  SLIP_NO_MEMORY,   /* an allocation failed */
  SLIP_INTERRUPTED, /* the caller's stop flag was raised */
  SLIP_STATUS_COUNT
} slip_status;

enum { SLIP_MESSAGE_SIZE = 640, SLIP_WHERE_SIZE = 256, SLIP_FIELD_SIZE = 96 };

typedef struct slip_error {
  slip_status code;
  char message[SLIP_MESSAGE_SIZE]; /* one sentence: what is wrong and how to mend it; no newline */
  char file[SLIP_WHERE_SIZE];      /* the file or input named, "" when there is none */
  int line;                        /* 1-based, 0 when unknown */
  int column;                      /* 1-based, 0 when unknown */
  char field[SLIP_FIELD_SIZE];     /* the field in question, "" when there is none */
} slip_error;

/* The name of a status in lower case ("bad input"). Never NULL; "unknown" out of range. */
const char *slip_status_name(slip_status status);

/* Writes "FILE:LINE: FIELD: MESSAGE", leaving out the parts that are empty, into out[0..size).
 * Always terminates when size > 0. Returns the length that the whole text has. */
int slip_error_format(const slip_error *err, char *out, int size);

#ifdef __cplusplus
}
#endif
#endif
