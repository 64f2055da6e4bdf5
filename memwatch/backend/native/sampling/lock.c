/* The sampler's lock, and what becomes of it in a fork. See sampler.h.
 *
 * It is held over plain memory operations alone. Who wants to add a sample does not wait for it, but for a moment, and
 * rather loses the sample; who has to take one out waits. A thread that holds it is told so instead of waiting for
 * itself. */
#include "sampling/sampler.h"

#define PATIENCE 200

Sampler sampler __attribute__((visibility("hidden"))) = {
    .memory = {.fail_after = -1},
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

bool
sampler_try_lock(void)
{
    if (countdown.locked)
        return false;
    countdown.locked = true; /* first, for a signal handler in between */
    for (int tries = 0; tries < PATIENCE; tries++)
        if (pthread_mutex_trylock(&sampler.lock) == 0)
            return true;
    countdown.locked = false;
    return false;
}

bool
sampler_lock(void)
{
    if (countdown.locked)
        return false;
    countdown.locked = true;
    pthread_mutex_lock(&sampler.lock);
    return true;
}

void
sampler_unlock(void)
{
    pthread_mutex_unlock(&sampler.lock);
    countdown.locked = false;
}
