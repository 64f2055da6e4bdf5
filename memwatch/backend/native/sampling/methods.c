/* The functions by which Python reaches the sampler. See each one's text; backend/allocations/sampler.py calls them.
 *
 * There is one sampler for the process, and the main interpreter alone may start it. */
#include "sampling/methods.h"
#include "sampling/control.h"
#include "sampling/copy.h"
#include "sampling/label_type.h"
#include "sampling/labels.h"
#include "sampling/lines.h"

#include <string.h>

bool
sampling_is_main(void)
{
    if (PyInterpreterState_Get() == PyInterpreterState_Main())
        return true;
    PyErr_SetString(PyExc_RuntimeError, "sampling serves the whole process, and obeys its main interpreter alone");
    return false;
}

PyDoc_STRVAR(start_doc, "sampling_start(interval, depth, most)\n--\n\n"
                        "Sample a byte in *interval*, keep *depth* frames and about *most* live samples.\n"
                        "RuntimeError if that cannot be done, or is being done.");

static PyObject *
start(PyObject *Py_UNUSED(module), PyObject *args)
{
    double interval;
    int depth;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "din", &interval, &depth, &most) || !sampling_is_main())
        return NULL;
    if (!(interval >= 1) || depth < 1 || depth > DEEPEST || most < 16)
        return PyErr_Format(PyExc_ValueError, "interval must be at least 1, depth 1 to %d, and samples at least 16",
                            DEEPEST);
    if (sampler.active)
        return PyErr_Format(PyExc_RuntimeError, "sampling has been started already");
    if (!sampling_begin(interval, depth, (size_t)most))
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stop_doc, "sampling_stop()\n--\n\nEnd, and forget everything.");

static PyObject *
stop(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    if (!sampling_is_main())
        return NULL;
    sampling_end();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(running_doc, "sampling_running()\n--\n\nFalse also if somebody else has taken the hooks away.");

static PyObject *
running(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(sampling_runs());
}

PyDoc_STRVAR(interval_doc, "sampling_set_interval(interval)\n--\n\nFrom now on; what was sampled keeps its weight.");

static PyObject *
change_interval(PyObject *Py_UNUSED(module), PyObject *number)
{
    double interval = PyFloat_AsDouble(number);
    if (interval == -1 && PyErr_Occurred())
        return NULL;
    if (!(interval >= 1))
        return PyErr_Format(PyExc_ValueError, "an interval is 1 byte at least");
    if (!sampling_is_main())
        return NULL;
    sampling_change(interval);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(depth_doc, "sampling_set_depth(depth)\n--\n\nFrames of each sample from now on.");

static PyObject *
change_depth(PyObject *Py_UNUSED(module), PyObject *number)
{
    long depth = PyLong_AsLong(number);
    if ((depth == -1 && PyErr_Occurred()) || !sampling_is_main())
        return NULL;
    if (depth < 1 || depth > DEEPEST)
        return PyErr_Format(PyExc_ValueError, "a depth from 1 to %d", DEEPEST);
    __atomic_store_n(&sampler.depth, (int)depth, __ATOMIC_RELAXED);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(seed_doc, "sampling_seed(number)\n--\n\nFor tests: this thread draws the same numbers each time.");

static PyObject *
seed(PyObject *Py_UNUSED(module), PyObject *number)
{
    unsigned long long wanted = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred())
        return NULL;
    sampler_lock();
    sampler.random = wanted;
    sampler_unlock();
    countdown_begin(wanted);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stats_doc, "sampling_stats()\n--\n\nHow it goes, as a dict.");

static PyObject *
stats(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    sampler_lock();
    unsigned long long taken = sampler.taken, bytes = sampler.memory.now + sizeof(filter);
    unsigned long long dropped = __atomic_load_n(&sampler.dropped, __ATOMIC_RELAXED);
    Py_ssize_t live = (Py_ssize_t)sampler.samples.count, stacks = (Py_ssize_t)sampler.stacks.count;
    Py_ssize_t overflow = (Py_ssize_t)sampler.overflowing;
    const char *mode = sampler.samples.by_page ? "filter" : "promotion";
    double interval = sampler.interval;
    sampler_unlock();
    return Py_BuildValue("{sKsdsKsnsnsnsKsdss}", "taken", taken, "expected", expected_samples(), "dropped", dropped,
                         "live", live, "stacks", stacks, "overflow", overflow, "bytes", bytes, "interval", interval,
                         "mode", mode);
}

/* ---- reading ---- */

static PyObject *
text(const Copy *copy, uint32_t start, uint32_t length)
{
    return PyUnicode_DecodeUTF8(copy->bytes.data + start, length, "surrogatepass");
}

/* [(function, file, first line, is it a coroutine), ...] */
static PyObject *
list_codes(const Copy *copy)
{
    PyObject *list = PyList_New((Py_ssize_t)copy->codes.used);
    for (size_t number = 0; list && number < copy->codes.used; number++) {
        const CopiedCode *code = (CopiedCode *)copy->codes.data + number;
        PyObject *row = Py_BuildValue("NNiN", text(copy, code->function, code->function_length),
                                      text(copy, code->file, code->file_length), code->first_line,
                                      PyBool_FromLong(code->coroutine));
        if (row)
            PyList_SET_ITEM(list, (Py_ssize_t)number, row);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *
raw(const Row *row)
{
    return PyBytes_FromStringAndSize(row->data, (Py_ssize_t)(row->used * row->stride));
}

/* One column of the samples, as bytes. */
static PyObject *
column(const Copy *copy, size_t offset, size_t width)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(copy->samples.used * width));
    for (size_t number = 0; bytes && number < copy->samples.used; number++)
        memcpy(PyBytes_AS_STRING(bytes) + number * width, copy->samples.data + number * copy->samples.stride + offset,
               width);
    return bytes;
}

#define COLUMN(copy, field) column(copy, offsetof(Sample, field), sizeof(((Sample *)0)->field))

PyDoc_STRVAR(read_doc,
             "sampling_read()\n--\n\n"
             "(codes, places, steps, ends, addresses, sizes, births, intervals, threads, stacks, natives, labels,\n"
             "time):\n"
             "a list of (function, file, first line, is it a coroutine), and columns as bytes. A place has three\n"
             "numbers: code, line, column. steps are places, innermost first, of all stacks; ends says where each\n"
             "one's end, with bit 31 if it was cut. A sample's stack is counted from 1; 0 is none that is known.\n"
             "natives has a byte for each, 1 for a block that C code took past Python's allocators. labels has two,\n"
             "the number in the variable of sampling_follow_label(); 0 is none. Births and time are nanoseconds.");

static PyObject *
sampling_read(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Copy copy;
    PyObject *result = NULL;
    if (!sampling_is_main())
        return NULL;
    /* The cache of type attributes holds names by their addresses. A name that C code makes anew for each look-up lies
     * at the same address every time and replaces itself there, but a sampled block has an address of its own, so that
     * the name in it stays. */
    forget_looked_up();
    if (copy_make(&copy))
        result = Py_BuildValue("NNNNNNNNNNNNK", list_codes(&copy), raw(&copy.places), raw(&copy.steps), raw(&copy.ends),
                               COLUMN(&copy, address), COLUMN(&copy, size), COLUMN(&copy, birth),
                               COLUMN(&copy, interval), COLUMN(&copy, thread), COLUMN(&copy, stack),
                               COLUMN(&copy, native), COLUMN(&copy, label), (unsigned long long)copy.time);
    else
        PyErr_NoMemory();
    copy_free(&copy);
    return result;
}

PyDoc_STRVAR(label_doc, "sampling_follow_label(variable)\n--\n\n"
                        "Read the label of a sample from this context variable, as long as the process lives.\n"
                        "Its values are ints from 0 to 32767. Another variable is not taken.");

static PyObject *
sampling_follow_label(PyObject *Py_UNUSED(module), PyObject *variable)
{
    if (!PyContextVar_CheckExact(variable))
        return PyErr_Format(PyExc_TypeError, "a context variable");
    labels_follow(variable);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(local_doc, "sampling_follow_local(code, variable)\n--\n\n"
                        "Read what this variable of *code* holds, too, by its number among the local ones: a sample\n"
                        "that is taken while *code* is at work has a label of it. Answers its place among such, or\n"
                        "None where it cannot be read or there are too many.");

static PyObject *
sampling_follow_local(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *code;
    int variable;
    if (!PyArg_ParseTuple(args, "O!i", &PyCode_Type, &code, &variable))
        return NULL;
    if (variable < 0 || variable >= ((PyCodeObject *)code)->co_nlocals)
        return PyErr_Format(PyExc_ValueError, "the number of a local variable");
    if (!frames_are_whole() || !frames_check()) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    int place = labels_follow_local((PyCodeObject *)code, variable);
    if (place < 0)
        Py_RETURN_NONE;
    return PyLong_FromLong(place);
}

PyDoc_STRVAR(met_doc, "sampling_label(label)\n--\n\n"
                      "(place, object, number): what the label of a sample stands for: the place of the function that\n"
                      "was followed, what its variable held, and the number in the context variable. None for a label\n"
                      "that is such a number itself.");

static PyObject *
sampling_label(PyObject *Py_UNUSED(module), PyObject *label)
{
    int place;
    PyObject *object;
    uint16_t context;
    long number = PyLong_AsLong(label);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    if (number < 0 || number > UINT16_MAX || !label_met((uint16_t)number, &place, &object, &context))
        Py_RETURN_NONE;
    return Py_BuildValue("iOi", place, object, context);
}

PyDoc_STRVAR(now_doc, "sampling_label_now()\n--\n\nThe label that a sample would have which is taken here.");

static PyObject *
sampling_label_now(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(label_now());
}

PyDoc_STRVAR(frames_doc, "sampling_frames(depth)\n--\n\n"
                         "The frames of the caller as a sample would have them, innermost first:\n"
                         "[(function, file, line, column, first line), ...].");

static PyObject *
frames(PyObject *Py_UNUSED(module), PyObject *number)
{
    long depth = PyLong_AsLong(number);
    if (depth == -1 && PyErr_Occurred())
        return NULL;
    if (depth < 1 || depth > DEEPEST)
        return PyErr_Format(PyExc_ValueError, "a depth from 1 to %d", DEEPEST);
    Trail trail;
    if (!frames_are_whole() || !frames_check())
        return PyErr_Occurred() ? NULL : PyList_New(0);
    frames_walk(&trail, (int)depth, false);
    PyObject *list = PyList_New(trail.depth);
    for (int place = 0; list && place < trail.depth; place++) {
        PyCodeObject *code = trail.steps[place].code;
        Position position = position_of(code, trail.steps[place].unit);
        PyObject *row = Py_BuildValue("OOIIi", code->co_qualname, code->co_filename, position.line, position.column,
                                      code->co_firstlineno);
        if (row)
            PyList_SET_ITEM(list, place, row);
        else
            Py_CLEAR(list);
    }
    return list;
}

PyDoc_STRVAR(fail_doc, "sampling_fail_after(mappings)\n--\n\nFor tests: out of memory after so many mappings; -1 is "
                       "never.\nAnswers how many were left.");

static PyObject *
sampling_fail_after(PyObject *Py_UNUSED(module), PyObject *number)
{
    long wanted = PyLong_AsLong(number);
    if (wanted == -1 && PyErr_Occurred())
        return NULL;
    sampler_lock();
    long left = sampler.memory.fail_after;
    sampler.memory.fail_after = wanted;
    sampler_unlock();
    return PyLong_FromLong(left);
}

PyMethodDef sampling_methods[] = {
    {"sampling_start", start, METH_VARARGS, start_doc},
    {"sampling_stop", stop, METH_NOARGS, stop_doc},
    {"sampling_running", running, METH_NOARGS, running_doc},
    {"sampling_set_interval", change_interval, METH_O, interval_doc},
    {"sampling_set_depth", change_depth, METH_O, depth_doc},
    {"sampling_seed", seed, METH_O, seed_doc},
    {"sampling_stats", stats, METH_NOARGS, stats_doc},
    {"sampling_read", sampling_read, METH_NOARGS, read_doc},
    {"sampling_objects", sampling_objects, METH_O, sampling_objects_doc},
    {"sampling_follow_label", sampling_follow_label, METH_O, label_doc},
    {"label_type", label_type, METH_VARARGS, label_type_doc},
    {"sampling_follow_local", sampling_follow_local, METH_VARARGS, local_doc},
    {"sampling_label", sampling_label, METH_O, met_doc},
    {"sampling_label_now", sampling_label_now, METH_NOARGS, now_doc},
    {"sampling_frames", frames, METH_O, frames_doc},
    {"sampling_fail_after", sampling_fail_after, METH_O, fail_doc},
    {"sampling_native", sampling_native, METH_O, sampling_native_doc},
    {"sampling_native_stats", sampling_native_stats, METH_NOARGS, sampling_native_stats_doc},
    {"sampling_native_slots", sampling_native_slots, METH_NOARGS, sampling_native_slots_doc},
    {"sampling_follow", sampling_follow, METH_NOARGS, sampling_follow_doc},
    {NULL, NULL, 0, NULL},
};
