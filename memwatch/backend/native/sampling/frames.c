/* Walks the frames of the thread that it runs in. See frames.h.
 *
 * Nobody else changes these frames, and each of them keeps its code alive, so that borrowed pointers will do until
 * the hook returns. A frame that is being made or shut down is passed over.
 *
 * The hash is of nothing but the addresses of the instructions, which costs a dozen instructions a frame: where each
 * death of a code is told, whoever keeps hashes knows which of them are void. Elsewhere the codes' fingerprints are in
 * it. */
#include "sampling/frames.h"

static inline InterpreterFrame *
first_frame(const PyThreadState *thread)
{
    return thread ? innermost_frame(thread) : NULL;
}

static inline uint64_t
mix(uint64_t hash, uint64_t next)
{
    return ((hash << 25 | hash >> 39) ^ next) * 0x9E3779B97F4A7C15u;
}

/* *notified*: the addresses of instructions are enough, no code has been at one of them before. */
static inline __attribute__((always_inline)) uint64_t
hash_frames(const InterpreterFrame *frame, int depth, bool notified)
{
    uint64_t hash = notified;
    for (; frame; frame = frame->previous) {
        if (is_entry_frame(frame))
            continue;
        if (depth-- == 0)
            return ~hash;
        hash = mix(hash, (uintptr_t)frame->instruction);
        PyCodeObject *code = notified ? NULL : code_of(frame);
        if (code)
            hash = mix(hash, code_fingerprint(code));
    }
    return hash ^ hash >> 32;
}

uint64_t
frames_hash(int depth, bool watched)
{
    const PyThreadState *thread = own_thread_state();
    if (thread && watched && deaths_are_told(thread))
        return hash_frames(first_frame(thread), depth, true);
    return hash_frames(first_frame(thread), depth, false);
}

void
frames_walk(Trail *trail, int depth, bool watched)
{
    const PyThreadState *thread = own_thread_state();
    const InterpreterFrame *frame = first_frame(thread);
    trail->depth = 0;
    for (; frame && depth; frame = frame->previous) {
        PyCodeObject *code = running_code(frame);
        if (code)
            trail->steps[trail->depth++] = (Step){code, unit_of(frame, code), code_fingerprint(code)};
        depth -= !is_entry_frame(frame);
    }
    while (frame && is_entry_frame(frame))
        frame = frame->previous;
    trail->cut = frame != NULL;
    trail->notified = thread && watched && deaths_are_told(thread);
}
