/* Instructions of a part of a program, told apart by callgrind: what runs between begin and end is one part of its output. */
#include <valgrind/callgrind.h>

void start_counting(void)
{
    CALLGRIND_START_INSTRUMENTATION;
}

void begin_part(void)
{
    CALLGRIND_ZERO_STATS;
}

void end_part(const char *label)
{
    CALLGRIND_DUMP_STATS_AT(label);
}
