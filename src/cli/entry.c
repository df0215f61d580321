/* The plain binary. slipstick-mpi has an entry of its own (src/mpi). */
#include "cli/cli.h"

int main(int argc, char **argv) {
  return cli_main(argc, argv, NULL);
}
