/* What a search in a forked child has found, on its way to the parent. */
#ifndef MEMWATCH_PLACES_H
#define MEMWATCH_PLACES_H

#include "census/ask_child.h"
#include "search/search.h"

/* In the child, after the search: the chains with what was counted, and of all groups how much hangs on which root. */
void places_send(const Search *search, Sender *sender);

/* In the parent, which has *search* ready and has not run it: (places, totals), or NULL with an exception.
 *
 * A place is (root, first, addresses, types, labels, targets, items, bytes, [(label, count), ...]). Chains come with
 * their last object, and with the labels of their types. The root is as search() tells it, and *first* the first object
 * of the chain, where a module or a thread still holds it; else None, and the root has no code and no globals. Totals
 * are (root kind, items, bytes). */
PyObject *places_receive(Search *search, PyObject *modules, const Answer *answer);

#endif
