/* How fast the search is, on one core: plans per second, time to the optimum and peak memory of fixed jobs. A plan counts only where
 * its objective was computed. Each job runs in a process of its own, so that peak memory is its own.
 *
 *   build/bench-search            a table
 *   build/bench-search --json     {"plans_per_s_factorised", "plans_per_s_full", "jobs": [{"name", "plans", "seconds", "peak_bytes", "best"}]}
 *   build/bench-search --csv      a line for each job, as bench/results keeps them
 * Rates are per second of processor time: other work on the machine does not count. */
#include <math.h>
#include <slipstick/search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of OpenMP, where the library was built with it. */
extern void omp_set_num_threads(int threads) __attribute__((weak));

typedef struct outcome {
  char name[96], best[320];
  int64_t plans, legal, pruned;
  double seconds, cpu_seconds;
  int64_t peak_bytes;
} outcome;

static double clock_s(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const slip_error *err) {
  char text[1024];
  slip_error_format(err, text, sizeof text);
  fprintf(stderr, "%s\n", text);
  exit(3);
}

static slip_catalog *open_catalog(void) {
  slip_catalog *catalog = NULL;
  slip_error err;
  if (slip_catalog_open(NULL, 0, &catalog, &err) != SLIP_OK)
    fail(&err);
  return catalog;
}

/* ---- training ---- */

typedef struct train_case {
  const char *model, *system, *stack; /* stack NULL: the newest */
  int64_t chips, batch, seq;
  slip_dtype dtype;
  slip_search_mode mode;
} train_case;

static slip_train *open_train(const slip_catalog *catalog, const train_case *c) {
  slip_train_job job = slip_train_job_default();
  slip_train *train = NULL;
  slip_error err;
  if (slip_catalog_model(catalog, c->model, &job.model, &err) != SLIP_OK ||
      slip_catalog_system(catalog, c->system, &job.system, &err) != SLIP_OK)
    fail(&err);
  job.stack = slip_catalog_newest_stack(catalog, job.system->chip, true);
  if (c->stack && slip_catalog_stack(catalog, c->stack, &job.stack, &err) != SLIP_OK)
    fail(&err);
  job.chips = c->chips, job.batch = c->batch, job.dtype = c->dtype;
  job.seq = c->seq > 0 ? c->seq : job.seq;
  if (slip_train_open(&job, &train, &err) != SLIP_OK)
    fail(&err);
  return train;
}

static void describe_train(const slip_train_result *r, char *out, int size) {
  char plan[200];
  slip_plan_format(&r->plan, plan, sizeof plan);
  snprintf(out, (size_t)size, "%s: %.6g s", plan, r->step_s);
}

static void whole_space(const void *context, outcome *out) {
  const train_case *c = context;
  slip_catalog *catalog = open_catalog();
  slip_train *train = open_train(catalog, c);
  slip_train_space space = slip_train_space_default();
  slip_search_stats stats;
  slip_train_result best;
  slip_error err;
  space.mode = c->mode;
  double wall = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  if (slip_train_search(train, &space, NULL, &best, NULL, &stats, &err) != SLIP_OK)
    fail(&err);
  out->seconds = clock_s(CLOCK_MONOTONIC) - wall;
  out->cpu_seconds = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  out->plans = stats.evaluated, out->legal = stats.legal, out->pruned = stats.pruned;
  describe_train(&best, out->best, sizeof out->best);
  slip_train_free(train);
  slip_catalog_free(catalog);
}

/* The executions that Calculon's search goes through (its execution options, without offload and overlap of tensor parallelism): tp
 * that divides the heads, pp and interleaving that divide the blocks, every divisor of the local batch as micro-batch, recompute
 * none / attention only / full, optimizer sharded or not, gradients overlapped or not, and three kinds of tensor-parallel communication:
 * all-reduce, and two ways of scattering and gathering, of which the second may gather again in backward. Here the first is sp=no and
 * the others are sp=yes; `executions` counts theirs, each with its choice among two networks for each axis that is cut. */
typedef struct calculon {
  const slip_train *train;
  slip_train_result best;
  bool found;
  int64_t plans, feasible, executions;
} calculon;

static void try_execution(calculon *c, slip_plan plan, int stands_for) {
  slip_train_result r;
  int axes = (plan.tp > 1) + (plan.pp > 1) + (plan.dp > 1);
  c->executions += (int64_t)stands_for << axes;
  if (slip_train_check(c->train, &plan, NULL) != SLIP_OK)
    return;
  c->plans++;
  if (slip_train_estimate(c->train, &plan, &r, NULL) != SLIP_OK)
    return;
  c->feasible++;
  if (!c->found || r.step_s < c->best.step_s)
    c->best = r;
  c->found = true;
}

static void try_modes(calculon *c, slip_plan plan) {
  const int most = plan.dp > 1 ? 1 : 0; /* replicas to share with */
  for (int recompute = 0; recompute < SLIP_RECOMPUTES; recompute++)
    for (int sharded = 0; sharded <= most; sharded++)
      for (int exposed = 0; exposed <= most; exposed++)
        for (int whole = 0; whole < 2; whole++) {
          plan.recompute = (slip_recompute)recompute;
          plan.sharding = sharded ? SLIP_SHARD_OPTIMIZER : SLIP_SHARD_NONE;
          plan.exposed = exposed ? SLIP_OVERLAP_DP : 0;
          plan.no_sequence_parallel = whole;
          try_execution(c, plan, whole ? 1 : recompute == SLIP_RECOMPUTE_FULL ? 2 : 3);
        }
}

static void calculon_space(const void *context, outcome *out) {
  const train_case *job = context;
  slip_catalog *catalog = open_catalog();
  slip_train *train = open_train(catalog, job);
  const slip_model *model = slip_train_job_of(train)->model;
  const int64_t layers = model->layers, heads = model->kinds[0].attention.heads;
  calculon c = {.train = train};
  double wall = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  for (int64_t tp = 1; tp <= job->chips && tp <= heads; tp++)
    for (int64_t pp = 1; pp <= layers && tp * pp <= job->chips; pp++)
      for (int64_t vpp = 1; vpp <= (pp == 1 ? 1 : layers / pp); vpp++) {
        int64_t dp = job->chips / (tp * pp), local = job->batch / dp;
        if (job->chips % (tp * pp) != 0 || heads % tp != 0 || layers % pp != 0 || layers / pp % vpp != 0 ||
            local < 1)
          continue;
        for (int64_t micro = 1; micro <= local; micro++) {
          slip_plan plan = slip_plan_default();
          plan.tp = tp, plan.pp = pp, plan.vpp = vpp, plan.dp = dp, plan.micro_batch = micro;
          if (local % micro == 0)
            try_modes(&c, plan);
        }
      }
  out->seconds = clock_s(CLOCK_MONOTONIC) - wall;
  out->cpu_seconds = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  out->plans = c.plans, out->legal = c.executions;
  char best[224];
  describe_train(&c.best, best, sizeof best);
  snprintf(out->best, sizeof out->best, "%s; %lld of %lld plans fit", best, (long long)c.feasible,
           (long long)c.plans);
  slip_train_free(train);
  slip_catalog_free(catalog);
}

/* ---- serving ---- */

typedef struct serve_case {
  const char *model, *system;
  int64_t chips;
} serve_case;

static void serving_front(const void *context, outcome *out) {
  const serve_case *c = context;
  slip_catalog *catalog = open_catalog();
  slip_serve_job job = slip_serve_job_default();
  slip_serve *serve = NULL;
  slip_serve_space space = slip_serve_space_default();
  const slip_price price[2] = {{2e-4, 2.5e-8}, {2e-4, 2.5e-8}}; /* 0.72 $ a chip-hour, 0.09 $ a kWh: any will do */
  slip_serve_point *points = NULL;
  size_t count = 0;
  slip_search_stats stats;
  slip_error err;
  if (slip_catalog_model(catalog, c->model, &job.model, &err) != SLIP_OK ||
      slip_catalog_system(catalog, c->system, &job.system, &err) != SLIP_OK)
    fail(&err);
  job.stack = slip_catalog_newest_stack(catalog, job.system->chip, false);
  job.chips = c->chips;
  if (slip_serve_open(&job, &serve, &err) != SLIP_OK)
    fail(&err);
  double wall = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  if (slip_serve_pareto(serve, NULL, &space, price, 1.3, NULL, &points, &count, &stats, &err) != SLIP_OK)
    fail(&err);
  out->seconds = clock_s(CLOCK_MONOTONIC) - wall;
  out->cpu_seconds = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  out->plans = stats.evaluated, out->legal = stats.legal, out->pruned = stats.pruned;
  snprintf(out->best, sizeof out->best,
           "front of %zu: from %.6g tokens/s per chip at %.4g per user to %.4g at %.4g", count,
           points[0].result.output_tokens_per_s_per_chip, 1 / points[0].result.tpot_s,
           points[count - 1].result.output_tokens_per_s_per_chip, 1 / points[count - 1].result.tpot_s);
  slip_points_free(points);
  slip_serve_free(serve);
  slip_catalog_free(catalog);
}

/* ---- the jobs ---- */

static const train_case
    gpt3 = {"gpt-3-175b", "hgx-a100", NULL, 4096, 1536, 2048, SLIP_BF16, SLIP_SEARCH_BOUNDED},
    gpt3_all = {"gpt-3-175b", "hgx-a100", NULL, 4096, 1536, 2048, SLIP_BF16, SLIP_SEARCH_EXHAUSTIVE},
    gpt3_brute = {"gpt-3-175b", "hgx-a100", NULL, 4096, 1536, 2048, SLIP_BF16, SLIP_SEARCH_BRUTE},
    v3 = {"deepseek-v3", "hgx-h800", NULL, 2048, 15360, 4096, SLIP_FP8, SLIP_SEARCH_BOUNDED},
    v3_all = {"deepseek-v3", "hgx-h800", NULL, 2048, 15360, 4096, SLIP_FP8, SLIP_SEARCH_EXHAUSTIVE},
    thousand = {"deepseek-v3", "hgx-h800", NULL, 1000, 100000, 4096, SLIP_FP8, SLIP_SEARCH_BOUNDED},
    hundred_thousand = {"deepseek-v3", "hgx-h800", NULL, 100000, 100000, 4096, SLIP_FP8, SLIP_SEARCH_BOUNDED},
    gpt3_64 = {"gpt-3-175b", "hgx-a100", "megatron-lm-2022", 64, 64, 2048, SLIP_BF16, SLIP_SEARCH_BOUNDED},
    megatron_1t = {"megatron-1t", "hgx-a100", "megatron-lm-2022", 4096, 4096, 2048, SLIP_BF16, SLIP_SEARCH_BOUNDED};
static const serve_case r1_cm384 = {"deepseek-r1", "cloudmatrix384", 384},
                        r1_nvl72 = {"deepseek-r1", "gb200-nvl72", 72};

static const struct job {
  const char *name;
  void (*run)(const void *context, outcome *out);
  const void *context;
} jobs[] = {
    {"GPT-3 175B on 4096 A100", whole_space, &gpt3},
    {"Megatron-1T on 4096 A100, the executions of Calculon", calculon_space, &megatron_1t},
    {"DeepSeek-V3 on 2048 H800", whole_space, &v3},
    {"DeepSeek-R1 serving on CloudMatrix 384, front", serving_front, &r1_cm384},
    {"DeepSeek-R1 serving on GB200 NVL72, front", serving_front, &r1_nvl72},
    {"GPT-3 175B on 64 A100, the executions of Calculon", calculon_space, &gpt3_64},
    {"DeepSeek-V3 on 1000 H800", whole_space, &thousand},
    {"DeepSeek-V3 on 100000 H800", whole_space, &hundred_thousand},
    {"GPT-3 175B on 4096 A100, every plan factorised", whole_space, &gpt3_all},
    {"DeepSeek-V3 on 2048 H800, every plan factorised", whole_space, &v3_all},
    {"GPT-3 175B on 4096 A100, every plan in full", whole_space, &gpt3_brute},
};
enum { JOBS = sizeof jobs / sizeof *jobs, FACTORISED_FROM = 8, FACTORISED_TO = 10, FULL = 10 };

/* In a process of its own. */
static void run(const struct job *job, outcome *out) {
  int ends[2];
  if (pipe(ends) != 0)
    exit(3);
  pid_t child = fork();
  if (child == 0) {
    outcome mine = {.plans = 0};
    struct rusage usage;
    if (omp_set_num_threads)
      omp_set_num_threads(1);
    snprintf(mine.name, sizeof mine.name, "%s", job->name);
    job->run(job->context, &mine);
    getrusage(RUSAGE_SELF, &usage);
    mine.peak_bytes = (int64_t)usage.ru_maxrss * 1024;
    _exit(write(ends[1], &mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 3);
  }
  int status = 0;
  if (child < 0 || close(ends[1]) != 0 || read(ends[0], out, sizeof *out) != (ssize_t)sizeof *out ||
      waitpid(child, &status, 0) != child || status != 0)
    exit(3);
  close(ends[0]);
}

static void machine(char *out, int size) {
  char line[256];
  FILE *file = fopen("/proc/cpuinfo", "r");
  snprintf(out, (size_t)size, "unknown processor");
  while (file && fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) == 0 && colon) {
      snprintf(out, (size_t)size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
      break;
    }
  }
  if (file)
    fclose(file);
}

int main(int argc, char **argv) {
  const char *form = argc > 1 ? argv[1] : "";
  bool json = strcmp(form, "--json") == 0, csv = strcmp(form, "--csv") == 0;
  outcome outcomes[JOBS];
  double evaluated = 0, took = 0;
  char processor[200];
  machine(processor, sizeof processor);
  for (int i = 0; i < JOBS; i++) {
    run(&jobs[i], &outcomes[i]);
    if (i >= FACTORISED_FROM && i < FACTORISED_TO)
      evaluated += (double)outcomes[i].plans, took += outcomes[i].cpu_seconds;
  }
  double full = (double)outcomes[FULL].plans / outcomes[FULL].cpu_seconds;
  if (json)
    printf("{\n  \"machine\": \"%s\",\n  \"plans_per_s_factorised\": %.6g,\n  \"plans_per_s_full\": %.6g,\n  "
           "\"jobs\": [",
           processor, evaluated / took, full);
  else if (csv)
    printf("machine,job,plans,legal,pruned,seconds,cpu_seconds,peak_bytes,best\n");
  else
    printf("%s, one core: %.3g plans/s factorised, %.3g plans/s in full (ratio %.1f)\n\n", processor,
           evaluated / took, full, evaluated / took / full);
  for (int i = 0; i < JOBS; i++) {
    const outcome *o = &outcomes[i];
    if (json)
      printf("%s\n    {\"name\": \"%s\", \"plans\": %lld, \"legal\": %lld, \"pruned\": %lld, \"seconds\": %.6g, "
             "\"cpu_seconds\": %.6g, "
             "\"peak_bytes\": %lld, \"best\": \"%s\"}",
             i > 0 ? "," : "", o->name, (long long)o->plans, (long long)o->legal, (long long)o->pruned, o->seconds,
             o->cpu_seconds, (long long)o->peak_bytes, o->best);
    else if (csv)
      printf("%s,\"%s\",%lld,%lld,%lld,%.6g,%.6g,%lld,\"%s\"\n", processor, o->name, (long long)o->plans,
             (long long)o->legal, (long long)o->pruned, o->seconds, o->cpu_seconds, (long long)o->peak_bytes,
             o->best);
    else
      printf("%-54s %10lld of %11lld plans  %7.3f s (%.3f s of processor)  %5.1f MB\n    %s\n", o->name,
             (long long)o->plans, (long long)o->legal, o->seconds, o->cpu_seconds, (double)o->peak_bytes / 1e6,
             o->best);
  }
  if (json)
    printf("\n  ]\n}\n");
  return 0;
}
