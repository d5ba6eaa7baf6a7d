#pragma once
/// Memory that a container has grown to need, and needs no more.

namespace borealis::core {

/// Empties it and frees what it held. Assigning `{}` would not: a vector or string keeps its capacity then.
template <class Container>
void give_back(Container& what) {
    Container().swap(what);
}

}  // namespace borealis::core
