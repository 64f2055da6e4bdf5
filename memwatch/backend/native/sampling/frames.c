/* Walks the frames of the thread that it runs in. See frames.h.
 *
 * Nobody else changes these frames, and each of them keeps its code alive, so that borrowed pointers will do until
 * the hook returns. A frame that is being made or shut down is passed over. */
#include "frames.h"

void
frames_walk(Trail *trail, int depth)
{
    trail->depth = 0;
    trail->cut = false;
    PyThreadState *thread = own_thread_state();
    for (Frame *frame = thread ? innermost_frame(thread) : NULL; frame; frame = frame->previous) {
        PyCodeObject *code = running_code(frame);
        if (code == NULL)
            continue;
        if (trail->depth == depth) {
            trail->cut = true;
            return;
        }
        trail->steps[trail->depth++] = (Step){code, unit_of(frame, code), code_fingerprint(code)};
    }
}
